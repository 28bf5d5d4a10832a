//! A hub and its members on kind, from nothing to joined, and gone afterwards.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Api;
use spillway_crds::MemberCluster;
use spillway_decide::report::State;

use super::cluster::Cluster;
use super::install::{self, ADMIN, SWITCHES};
use crate::backend::{Behaviour, Named};
use crate::chart::helm::Helm;
use crate::requests;
use crate::wait::wait_until;

/// The regions, as many as are asked for.
const REGIONS: [&str; 3] = ["shenzhen", "chengdu", "beijing"];

/// A hub and its members.
pub struct Federation {
    /// The hub.
    pub hub: Cluster,
    /// The members, in the order of their regions.
    pub members: Vec<Cluster>,
}

impl Federation {
    /// Raises it: clusters, images, chart, members. One after the other, for a small machine. On failure what was made is
    /// ended, and what it said is kept.
    pub async fn raise(regions: usize, programs: &Path, dir: &Path) -> Result<Self> {
        let helm = Helm::find_or_build(&mut |progress| eprintln!("e2e: {progress}"))?;
        let helm = helm.context("there is neither Go nor a Helm that HELM names")?;
        let archives = install::archives(programs, dir).await?;
        let mut clusters = Vec::new();
        let made = make(&mut clusters, regions, dir).await;
        let made = match made {
            Ok(()) => furnish(&clusters, &helm, &archives, programs).await,
            failed => failed,
        };
        if let Err(error) = made {
            for cluster in &clusters {
                cluster.keep(dir).await?;
                cluster.delete().await?;
            }
            return Err(error);
        }
        let hub = clusters.remove(0);
        Ok(Self { hub, members: clusters })
    }

    /// Ends it.
    pub async fn down(self) -> Result<()> {
        for cluster in std::iter::once(&self.hub).chain(&self.members) {
            cluster.delete().await?;
        }
        Ok(())
    }

    /// Keeps what is needed to understand a failure; says where.
    pub async fn keep(&self, dir: &Path) -> Result<PathBuf> {
        for cluster in std::iter::once(&self.hub).chain(&self.members) {
            cluster.keep(dir).await?;
        }
        Ok(dir.to_owned())
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
        let admin = std::net::SocketAddrV4::new(self.member(region)?.address, ADMIN);
        requests::get(admin, "/debug/state").await
    }

    /// Changes how the demo app of a region behaves.
    pub async fn app(&self, region: &str, change: impl FnOnce(&mut Behaviour)) -> Result<()> {
        let switches = std::net::SocketAddrV4::new(self.member(region)?.address, SWITCHES);
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

async fn make(clusters: &mut Vec<Cluster>, regions: usize, dir: &Path) -> Result<()> {
    ensure!((2..=REGIONS.len()).contains(&regions), "REGIONS: allowed are 2 and 3");
    for role in std::iter::once("hub").chain(REGIONS.into_iter().take(regions)) {
        eprintln!("e2e: creating {role}");
        clusters.push(Cluster::create(role, dir).await?);
    }
    Ok(())
}

async fn furnish(clusters: &[Cluster], helm: &Helm, archives: &[PathBuf; 3], programs: &Path) -> Result<()> {
    let [controller, gateway, app] = archives;
    let (hub, members) = clusters.split_first().context("no hub")?;
    eprintln!("e2e: installing the chart");
    hub.load(controller).await?;
    install::chart(helm, hub, "hub.enabled=true,hub.replicas=1")?;
    for member in members {
        member.load(gateway).await?;
        member.load(app).await?;
        // Not ready before it is joined: the hub brings its identity and its routes.
        install::chart(helm, member, &install::member_values(&member.role))?;
        install::app(member).await?;
        install::join(programs, hub, member).await?;
    }
    Ok(())
}
