//! A hub and its members on kind, from nothing to joined, and gone afterwards.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Api;
use spillway_crds::MemberCluster;
use spillway_decide::report::State;

use super::cluster::Cluster;
use super::edition::Edition;
use super::images::{self, Images};
use super::install::{self, ADMIN, DNS, HTTP, SWITCHES};
use super::ledger::Ledger;
use crate::backend::{Behaviour, Named};
use crate::chart::helm::Helm;
use crate::requests;
use crate::wait::wait_until;

/// The regions, as many as are asked for.
const REGIONS: [&str; 3] = ["shenzhen", "chengdu", "beijing"];

/// What a federation is made of.
pub struct Parts {
    /// How many regions, with a member each.
    pub regions: usize,
    /// Where `kubectl-spillway` and `world`, the demo app, are.
    pub programs: PathBuf,
    /// The product's images.
    pub images: Images,
    /// A checkout of an older version, with what its `make image` made in `images`: what is installed first.
    pub from: Option<PathBuf>,
    /// Where kubeconfigs and archives go, and the logs of a failure, in `failed`.
    pub dir: PathBuf,
}

/// A hub and its members.
pub struct Federation {
    /// The hub.
    pub hub: Cluster,
    /// The members, in the order of their regions.
    pub members: Vec<Cluster>,
    pub(super) helm: Helm,
    parts: Parts,
    first: Edition,
    app: PathBuf,
}

impl Federation {
    /// Raises it: clusters, images, chart, members. One after the other, for a small machine. Whoever asks ends it, by the
    /// ledger; what a failure said is kept.
    pub async fn raise(parts: Parts, ledger: &Ledger) -> Result<Self> {
        let helm = Helm::find_or_build(&mut |progress| eprintln!("e2e: {progress}"))?;
        let helm = helm.context("there is neither Go nor a Helm that HELM names")?;
        let first = Edition::first(&parts).await?;
        let app = images::app(&parts.programs, &parts.dir).await?;
        let mut clusters = Vec::new();
        create(&mut clusters, &parts, ledger).await?;
        if let Err(error) = furnish(&clusters, &helm, &first, &app, &parts).await {
            eprintln!("e2e: logs are kept in {}", keep(&clusters, &parts.dir).await?.display());
            return Err(error);
        }
        let hub = clusters.remove(0);
        Ok(Self { hub, members: clusters, helm, parts, first, app })
    }

    /// Keeps what is needed to understand a failure; says where.
    pub async fn keep(&self) -> Result<PathBuf> {
        keep(std::iter::once(&self.hub).chain(&self.members), &self.parts.dir).await
    }

    /// The chart's release on a cluster, with the values that it was installed with and these.
    pub(super) fn upgrade(&self, cluster: &Cluster, values: &str) -> Result<()> {
        install::chart(&self.helm, cluster, &self.first, values)
    }

    /// The edition that the story of a new version upgrades to, on every node.
    pub(super) async fn second(&self) -> Result<Edition> {
        let second = Edition::second(&self.parts).await?;
        self.hub.load(&second.controller).await?;
        for member in &self.members {
            member.load(&second.gateway).await?;
        }
        Ok(second)
    }

    /// Loses the hub: its cluster is gone, and another one with nothing but the controller's image is in its place.
    pub(super) async fn lose_hub(&mut self, ledger: &Ledger) -> Result<()> {
        self.hub.end().await?;
        self.hub = Cluster::create("hub", &self.parts.dir, ledger).await?;
        self.hub.load(&self.first.controller).await
    }

    /// `kubectl spillway join`.
    pub(super) async fn join(&self, member: &Cluster) -> Result<()> {
        install::join(&self.parts.programs, &self.hub, member).await
    }

    /// Makes the hub a member too: a gateway by an upgrade of its release, and the demo app.
    pub(super) async fn in_place(&self, region: &str) -> Result<()> {
        self.hub.load(&self.first.gateway).await?;
        self.hub.load(&self.app).await?;
        self.upgrade(&self.hub, &install::in_place_values(region))?;
        install::app(&self.hub).await
    }

    /// `kubectl spillway`, of the hub.
    pub(super) async fn spillway(&self, words: &[&str]) -> Result<String> {
        install::spillway(&self.parts.programs, &self.hub, words).await
    }

    /// Where a program of ours is.
    pub(super) fn program(&self, name: &str) -> String {
        self.parts.programs.join(name).display().to_string()
    }

    /// Where people go in by HTTP.
    pub(super) fn door(member: &Cluster) -> SocketAddrV4 {
        SocketAddrV4::new(member.address, HTTP)
    }

    /// Where they ask DNS.
    pub(super) fn dns(member: &Cluster) -> SocketAddr {
        (member.address, DNS).into()
    }

    /// The addresses of all front doors.
    pub(super) fn doors(&self) -> Vec<Ipv4Addr> {
        self.members.iter().map(|member| member.address).collect()
    }

    /// A member by its region.
    pub fn member(&self, region: &str) -> Result<&Cluster> {
        self.members
            .iter()
            .find(|member| member.role == region)
            .with_context(|| format!("no region {region}"))
    }

    /// What a region's gateway says of itself.
    pub async fn state(&self, region: &str) -> Result<State> {
        state(self.member(region)?).await
    }

    /// Changes how the demo app of a region behaves.
    pub async fn app(&self, region: &str, change: impl FnOnce(&mut Behaviour)) -> Result<()> {
        let switches = SocketAddrV4::new(self.member(region)?.address, SWITCHES);
        let apps: Vec<Named> = requests::get(switches, "/backends").await?;
        let mut behaviour = apps.into_iter().next().context("no app")?.behaviour;
        change(&mut behaviour);
        requests::put(switches, "/backends/api-gateway/behaviour", &behaviour).await
    }

    /// Waits until the hub says that every member is reached and its gateway known.
    pub async fn is_whole(&self) -> Result<()> {
        let api: Api<MemberCluster> = Api::all(self.hub.client.clone());
        for member in &self.members {
            wait_until(Duration::from_mins(2), &format!("{} to be a member", member.role), async || {
                let status = api.get(&member.role).await?.status.context("no status")?;
                let well =
                    |kind: &str| status.conditions.iter().any(|c| c.type_ == kind && c.status == "True");
                ensure!(well("Reachable") && well("GatewayReady"), "{:?}", status.conditions);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

async fn create(clusters: &mut Vec<Cluster>, parts: &Parts, ledger: &Ledger) -> Result<()> {
    let regions = parts.regions;
    ensure!((2..=REGIONS.len()).contains(&regions), "REGIONS: allowed are 2 and 3");
    for role in std::iter::once("hub").chain(REGIONS.into_iter().take(regions)) {
        eprintln!("e2e: creating {role}");
        clusters.push(Cluster::create(role, &parts.dir, ledger).await?);
    }
    Ok(())
}

async fn furnish(
    clusters: &[Cluster],
    helm: &Helm,
    first: &Edition,
    app: &Path,
    parts: &Parts,
) -> Result<()> {
    let (hub, members) = clusters.split_first().context("no hub")?;
    eprintln!("e2e: installing the chart");
    hub.load(&first.controller).await?;
    install::chart(helm, hub, first, "")?;
    for member in members {
        member.load(&first.gateway).await?;
        member.load(app).await?;
        // Not ready before it is joined: the hub brings its identity and its routes.
        install::chart(helm, member, first, "")?;
        install::app(member).await?;
        install::join(&parts.programs, hub, member).await?;
    }
    Ok(())
}

async fn keep(clusters: impl IntoIterator<Item = &Cluster>, dir: &Path) -> Result<PathBuf> {
    let dir = dir.join("failed");
    std::fs::create_dir_all(&dir)?;
    for cluster in clusters {
        cluster.keep(&dir).await?;
        if let Ok(state) = state(cluster).await {
            std::fs::write(
                dir.join(format!("{}-state.json", cluster.role)),
                serde_json::to_vec_pretty(&state)?,
            )?;
        }
    }
    Ok(dir)
}

async fn state(member: &Cluster) -> Result<State> {
    requests::get(SocketAddrV4::new(member.address, ADMIN), "/debug/state").await
}
