//! One kind cluster of one node. Its name begins with [`PREFIX`] and our process number, and is in the [`Ledger`] before it is
//! made: what others have is not touched, and neither is the user's kubeconfig.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};

use super::ledger::Ledger;
use super::tool::{run, run_with};
use crate::wait::wait_until;

/// How all our clusters' names begin.
pub const PREFIX: &str = "spillway-e2e-";

/// The network that kind puts its nodes in.
const NETWORK: &str = "kind";

/// Without leader election: a node that was paused would wait for its own old leases otherwise.
const CONFIG: &str = r#"{"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [{"role": "control-plane"}],
    "kubeadmConfigPatches": ["kind: ClusterConfiguration\ncontrollerManager: {extraArgs: {leader-elect: \"false\"}}\nscheduler: {extraArgs: {leader-elect: \"false\"}}\n"]}"#;

/// A kind cluster.
pub struct Cluster {
    /// `hub` or the region.
    pub role: String,
    /// The address of its node, which this machine and the other nodes reach.
    pub address: Ipv4Addr,
    /// An administrator's kubeconfig, for this machine.
    pub kubeconfig: PathBuf,
    /// An administrator's client.
    pub client: Client,
    name: String,
}

impl Cluster {
    /// Creates it, and waits until pods can be made there.
    pub(super) async fn create(role: &str, dir: &Path, ledger: &Ledger) -> Result<Self> {
        let name = format!("{PREFIX}{}-{role}", std::process::id());
        ledger.add(&name)?;
        let kubeconfig = dir.join(format!("{role}.kubeconfig"));
        let path = kubeconfig.to_str().context("the kubeconfig's path")?.to_owned();
        let mut arguments = vec!["create", "cluster", "-q", "--name", &name, "--kubeconfig", &path];
        arguments.extend(["--wait", "180s", "--config", "-"]);
        let image = std::env::var("KIND_NODE_IMAGE").unwrap_or_default();
        if !image.is_empty() {
            arguments.extend(["--image", &image]);
        }
        run_with("kind", &arguments, CONFIG).await?;
        let address = address(&format!("{name}-control-plane")).await?;
        let file = Kubeconfig::read_from(&kubeconfig)?;
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
        wait_until(Duration::from_mins(1), "the default account", async || {
            Ok(accounts.get("default").await?)
        })
        .await?;
        Ok(Self { role: role.to_owned(), address, kubeconfig, client, name })
    }

    /// The container of its node.
    #[must_use]
    pub fn node(&self) -> String {
        format!("{}-control-plane", self.name)
    }

    /// Ends it.
    pub(super) async fn end(&self) -> Result<()> {
        let path = self.kubeconfig.to_str().context("the kubeconfig's path")?;
        run("kind", &["delete", "cluster", "-q", "--name", &self.name, "--kubeconfig", path]).await.map(drop)
    }

    /// Puts an image into its node.
    pub(super) async fn load(&self, archive: &Path) -> Result<()> {
        let archive = archive.to_str().context("the archive's path")?;
        run("kind", &["load", "image-archive", archive, "--name", &self.name]).await.map(drop)
    }

    /// `kubectl` there.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String> {
        let path = self.kubeconfig.to_str().context("the kubeconfig's path")?;
        run_with("kubectl", &[&["--kubeconfig", path][..], arguments].concat(), input).await
    }

    /// Freezes every process of the node, kubelet and pods: it is as if the region were off the net.
    pub async fn pause(&self) -> Result<()> {
        run("docker", &["pause", &self.node()]).await.map(drop)
    }

    /// Ends [`pause`](Self::pause).
    pub async fn unpause(&self) -> Result<()> {
        run("docker", &["unpause", &self.node()]).await.map(drop)
    }

    /// Takes the node off the net: its pods go on, and nobody reaches them nor they anybody.
    pub async fn disconnect(&self) -> Result<()> {
        run("docker", &["network", "disconnect", NETWORK, &self.node()]).await.map(drop)
    }

    /// Ends [`disconnect`](Self::disconnect), with the address that the node had.
    pub async fn connect(&self) -> Result<()> {
        let (node, address) = (self.node(), self.address.to_string());
        let there = ["network", "connect", "--ip", &address, NETWORK, &node];
        if run("docker", &there).await.is_err() {
            // An address can be asked for only where the network's subnet was; else Docker deals out the free one.
            run("docker", &["network", "connect", NETWORK, &node]).await?;
        }
        let now = self::address(&node).await?;
        ensure!(now == self.address, "{node} came back as {now}, and was {address}");
        Ok(())
    }

    /// What is needed to understand a failure: pods, events, logs with the gateways' decisions, our objects.
    pub(super) async fn keep(&self, dir: &Path) -> Result<()> {
        const OURS: [&str; 2] = ["-n", "spillway-system"];
        const LOGS: [&str; 6] =
            ["logs", "--prefix", "--tail=-1", "--timestamps", "-l", "app.kubernetes.io/name=spillway"];
        const KINDS: &str = "memberclusters,regionpriorities,federatedingresses,gatewaypeers,ingresses";
        for (file, arguments) in [
            ("pods.txt", ["get", "pods", "-A", "-o", "wide"].to_vec()),
            ("describe.txt", [&OURS[..], &["describe", "pods"]].concat()),
            ("events.txt", ["get", "events", "-A", "--sort-by=.lastTimestamp"].to_vec()),
            ("logs.txt", [&OURS[..], &LOGS].concat()),
            ("previous-logs.txt", [&OURS[..], &LOGS, &["--previous"]].concat()),
            ("objects.yaml", ["get", KINDS, "-A", "-o", "yaml"].to_vec()),
        ] {
            let text = self.kubectl(&arguments, "").await.unwrap_or_else(|error| format!("{error:#}\n"));
            std::fs::write(dir.join(format!("{}-{file}", self.role)), text)?;
        }
        Ok(())
    }
}

async fn address(node: &str) -> Result<Ipv4Addr> {
    let format = format!("{{{{.NetworkSettings.Networks.{NETWORK}.IPAddress}}}}");
    Ok(run("docker", &["inspect", "-f", &format, node]).await?.trim().parse()?)
}
