//! Faults of backends, the gateway alive: in one world of real control planes, on many hosts side by side. Verdicts are
//! of a region for each `RegionPriority`, so one host's fault is no other's.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::Api;
use spillway_crds::{FederatedIngress, RegionPriority, RegionPrioritySpec};
use tokio::time::sleep;

use super::measure::{Gateway, MOMENTS, Run, Trial, measure, verdict};
use super::place::{CLIENTS, Place};
use super::plan::AliveRun;
use super::watch::{CLOSE, Watch};
use crate::backend::Behaviour;
use crate::load::Load;
use crate::story::{self, REGIONS};
use crate::world::{Options, World, wait_until};

const VICTIM: &str = REGIONS[0];
/// How long the way home may take, and the verdict beyond its hold.
const PATIENCE: Duration = Duration::from_mins(2);
/// A little longer than the last moment at which clients are counted.
const REST: Duration = Duration::from_millis(500);
const TTL_SECONDS: u32 = 30;

/// The world, and what is seen of it.
pub(super) struct Theatre {
    world: Arc<World>,
    watch: Watch,
}

/// Only once a run is measured, so that the next one can begin: while the fault lasts, a region that is slow at times only
/// would come home by this, and leave again.
fn short_way_home(spec: &mut RegionPrioritySpec) {
    spec.recovery.hold_seconds = 5;
    spec.recovery.max_hold_seconds = 5;
    spec.recovery.steps_percent = vec![100];
    spec.recovery.step_seconds = 1;
}

impl Theatre {
    /// Raises the world, and declares as many hosts as there are to be runs at one time.
    pub(super) async fn raise(hosts: usize) -> Result<Self> {
        let options = Options { name: "bench-failover".to_owned(), ..Options::members(&REGIONS) };
        let world = Arc::new(World::raise(options).await?);
        let admin = |region: &String| {
            let address = world.gateway_address(region)?;
            Ok((region.clone(), std::net::SocketAddrV4::new(address, world.ports().admin)))
        };
        let gateways = world.regions().iter().map(admin).collect::<Result<Vec<_>>>()?;
        let watch = Watch::begin(VICTIM, &gateways);
        let theatre = Self { world, watch };
        for host in 0..hosts {
            theatre.declare(host).await.with_context(|| format!("host {host}"))?;
        }
        Ok(theatre)
    }

    async fn declare(&self, host: usize) -> Result<()> {
        let (name, place) = (name(host), self.place(host)?);
        let hub = self.world.hub();
        self.world.add_service("default", &name, 1).await?;
        self.prioritize(&name, |_| ()).await?;
        let ingress = story::federated_ingress(&name, &place.host, "/api/", &name)?;
        story::apply(&Api::<FederatedIngress>::namespaced(hub.clone(), "default"), &name, &ingress).await
    }

    async fn prioritize(&self, name: &str, tune: fn(&mut RegionPrioritySpec)) -> Result<()> {
        let priority = story::region_priority(name, self.world.regions(), tune);
        story::apply(&Api::<RegionPriority>::all(self.world.hub().clone()), name, &priority).await
    }

    fn place(&self, host: usize) -> Result<Place> {
        let world = &self.world;
        let door = |region: &String| Ok((region.clone(), world.front_door(region)?));
        Ok(Place {
            host: format!("{}.bench.test", name(host)),
            http_port: world.ports().http,
            dns_port: world.ports().dns,
            doors: world.regions().iter().map(door).collect::<Result<_>>()?,
            network: Ipv4Addr::new(127, world.number(), 200 + u8::try_from(host % 50)?, 0),
        })
    }

    /// One failover of one host.
    pub(super) async fn play(&self, host: usize, run: &AliveRun, rate: f64) -> Result<Run> {
        let (name, place) = (name(host), self.place(host)?);
        self.home(&name, &place).await?;
        // It is everywhere long before the fault: clients are well for more than a window first.
        self.prioritize(&name, |_| ()).await?;
        let load = Load::start(place.clients(CLIENTS, rate, 0));
        sleep(run.calm).await;
        let interest = self.watch.closely();
        let onset = Instant::now();
        self.world.change_backend(VICTIM, &name, |behaviour| run.fault.put(behaviour)).await?;
        let waited = wait_until(PATIENCE, "a verdict", async || {
            verdict(&self.watch.since(&name, onset))
                .with_context(|| format!("{:?}", self.watch.latest(&name)))
        })
        .await;
        if let Ok(verdict) = &waited {
            sleep(
                (*verdict + Duration::from_secs_f64(MOMENTS[MOMENTS.len() - 1]) + REST)
                    .saturating_duration_since(Instant::now()),
            )
            .await;
        }
        drop(interest);
        let (load_started, seen) = (load.started(), self.watch.since(&name, onset));
        let records = load.stop().await;
        self.world.change_backend(VICTIM, &name, |behaviour| *behaviour = Behaviour::default()).await?;
        self.prioritize(&name, short_way_home).await?;
        waited?;
        let trial = Trial {
            gateway: Gateway::Alive,
            victim: VICTIM,
            living: self.world.regions(),
            onset,
            seen: &seen,
            load_started,
            records: &records,
        };
        measure(&trial, run.fault.kind(), run.fault.to_string())
            .with_context(|| format!("{seen:#?}\n{}", records.complaints()))
    }

    async fn home(&self, name: &str, place: &Place) -> Result<()> {
        wait_until(PATIENCE, &format!("{name} to be home"), async || {
            let latest = self.watch.latest(name);
            ensure!(latest.len() == REGIONS.len(), "only {:?} know it", latest.keys());
            ensure!(latest.values().all(|seen| seen.well && seen.away == 0), "{latest:?}");
            place.is_home(TTL_SECONDS).await
        })
        .await?;
        // What is entered from now on is of the run alone.
        sleep(CLOSE).await;
        Ok(())
    }
}

fn name(host: usize) -> String {
    format!("bench-{host}")
}
