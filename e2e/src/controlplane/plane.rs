//! Putting one control plane together: certificates, kubeconfigs, processes, ready.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::binaries::Binaries;
use super::flags::{self, Place};
use super::kubeconfig::kubeconfig;
use super::pki::{Authority, service_accounts};
use crate::process::Owner;
use crate::wait::wait_until;

/// How long a control plane may take on a busy machine.
const READY: Duration = Duration::from_secs(90);

/// One control plane, started.
#[derive(Clone)]
pub struct Plane {
    place: Place,
    client: kube::Client,
}

/// Someone who talks to the API server.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// The file's name without `.kubeconfig`.
    pub file: &'a str,
    /// The address through which it connects.
    pub address: Ipv4Addr,
    /// Its name to RBAC.
    pub name: &'a str,
    /// Its groups to RBAC.
    pub groups: &'a [&'a str],
}

impl Plane {
    /// Writes certificates and kubeconfigs, starts the programs and waits until `/readyz` says ok.
    pub async fn raise(place: Place, binaries: &Binaries, users: &[User<'_>], owner: &Owner) -> Result<Self> {
        prepare(&place, users)?;
        let (etcd, apiserver) = (flags::etcd(&place, binaries), flags::apiserver(&place, binaries));
        let names = [etcd.name.clone(), apiserver.name.clone()];
        owner.spawn(etcd).await?;
        owner.spawn(apiserver).await?;
        let raised = Self::attach(place).await?;
        tokio::select! {
            ready = raised.wait_ready(READY) => ready?,
            end = owner.end_of(&names) => return Err(end),
        }
        if let Some(path) = &binaries.controller_manager {
            owner.spawn(flags::controller_manager(&raised.place, path)).await?;
        }
        Ok(raised)
    }

    /// A hold on a control plane that stands.
    pub async fn attach(place: Place) -> Result<Self> {
        let client = client(&place.dir.join("admin.kubeconfig")).await?;
        Ok(Self { place, client })
    }

    /// Waits until `/readyz` says ok.
    pub async fn wait_ready(&self, deadline: Duration) -> Result<()> {
        let what = format!("the API server of {}", self.place.cluster);
        wait_until(deadline, &what, || ready(&self.client)).await
    }

    /// An administrator's client.
    #[must_use]
    pub fn client(&self) -> &kube::Client {
        &self.client
    }
}

async fn ready(client: &kube::Client) -> Result<()> {
    let request = http::Request::get("/readyz").body(Vec::new())?;
    client.request_text(request).await.map(drop).context("/readyz")
}

/// A client for a kubeconfig file.
pub async fn client(path: &Path) -> Result<kube::Client> {
    let file = kube::config::Kubeconfig::read_from(path)?;
    let mut config =
        kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default()).await?;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(Duration::from_secs(295));
    Ok(kube::Client::try_from(config)?)
}

fn prepare(place: &Place, users: &[User<'_>]) -> Result<()> {
    fs::create_dir_all(&place.dir)?;
    let authority = Authority::new(&place.cluster)?;
    let mut addresses: Vec<Ipv4Addr> = users.iter().map(|user| user.address).collect();
    addresses.push(place.address);
    let serving = authority.server("kube-apiserver", &addresses)?;
    write(&place.dir.join("ca.crt"), authority.certificate())?;
    write(&place.dir.join("apiserver.crt"), &serving.certificate)?;
    write(&place.dir.join("apiserver.key"), &serving.key)?;
    let tokens = service_accounts()?;
    write(&place.dir.join("service-accounts.pub"), &tokens.certificate)?;
    write(&place.dir.join("service-accounts.key"), &tokens.key)?;
    let own = [
        User { file: "admin", address: place.address, name: "admin", groups: &["system:masters"] },
        User {
            file: "controller-manager",
            address: place.address,
            name: "system:kube-controller-manager",
            groups: &["system:masters"],
        },
    ];
    for user in own.iter().chain(users) {
        let pair = authority.client(user.name, user.groups)?;
        let server = format!("https://{}:{}", user.address, place.api_port);
        let text = kubeconfig(&place.cluster, &server, authority.certificate(), user.name, &pair)?;
        write(&place.dir.join(format!("{}.kubeconfig", user.file)), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}
