//! One host, its backends in every region, its `RegionPriority`: what one story plays with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Api;
use spillway_crds::{FederatedIngress, RegionPriority, RegionPrioritySpec};
use spillway_decide::verdict::Verdict;
use tokio::time::Instant;

use super::{Chronicle, Entry, Stage, manifest, visit};
use crate::backend::Behaviour;
use crate::load::{Load, LoadOptions};
use crate::world::{World, wait_until};

/// How long a scene may take until every gateway serves it.
const SETTING: Duration = Duration::from_secs(40);

/// A scene that every gateway serves.
pub struct Scene {
    stage: Stage,
    name: String,
}

/// When a fault began, and on which backends.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// When the switch was thrown.
    pub onset: Instant,
}

impl Scene {
    /// Declares Service, backends, `RegionPriority` and `FederatedIngress` of `name`, and waits until every gateway
    /// answers for it.
    pub async fn set(stage: Stage, name: &str, tune: impl FnOnce(&mut RegionPrioritySpec)) -> Result<Self> {
        let scene = Self { stage, name: name.to_owned() };
        let (world, host) = (scene.world(), scene.host());
        world.add_service("default", name, 1).await?;
        let priority = manifest::region_priority(name, world.regions(), tune);
        manifest::apply(&Api::<RegionPriority>::all(world.hub().clone()), name, &priority).await?;
        let ingress = manifest::federated_ingress(name, &host, "/api/", name)?;
        manifest::apply(&Api::<FederatedIngress>::namespaced(world.hub().clone(), "default"), name, &ingress)
            .await?;
        scene.chronicle().follow_host(name, &host);
        wait_until(SETTING, &format!("every gateway to serve {host}"), || scene.is_served()).await?;
        Ok(scene)
    }

    async fn is_served(&self) -> Result<()> {
        let first = self.first();
        for gateway in self.world().regions() {
            let entry =
                self.latest(gateway).with_context(|| format!("{gateway} does not know {}", self.name))?;
            let well = entry.verdicts.values().filter(|verdict| **verdict == Verdict::Healthy).count();
            ensure!(well == self.world().regions().len(), "{gateway} sees {:?}", entry.verdicts);
            ensure!(entry.share(&first) == 100, "{gateway} sends its arrivals to {:?}", entry.shares);
            let answer = self.chronicle().ask(gateway, &self.host()).await?;
            ensure!(
                matches!(&answer, Ok((region, _)) if *region == first),
                "{gateway}'s DNS answers {answer:?}"
            );
            let visit = visit(self.world(), gateway, &self.host(), "/api/hello").await?;
            ensure!(visit.status == 200, "{gateway}'s front door answers {visit:?}");
        }
        Ok(())
    }

    /// The world that it is in.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.stage.world
    }

    /// What the gateways believed and answered.
    #[must_use]
    pub fn chronicle(&self) -> &Chronicle {
        &self.stage.chronicle
    }

    /// The name of its Service, its priority and its ingress.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host that its clients ask for.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.story.test", self.name)
    }

    /// The region that serves while all is well.
    #[must_use]
    pub fn first(&self) -> String {
        self.world().regions().first().cloned().unwrap_or_default()
    }

    /// Starts clients, and returns when there is a full window of their requests.
    pub async fn load(&self, per_second: f64) -> Result<Load> {
        let load = Load::start(self.load_options(per_second)?);
        let enough = (per_second * 10.0).floor();
        wait_until(Duration::from_secs(25), "a full window of requests", || async {
            let done = load.snapshot().totals.done;
            ensure!(to_f64(done) >= enough, "{done} requests are done");
            Ok(())
        })
        .await?;
        Ok(load)
    }

    /// The clients of this scene's host, every tenth request a redirect to an inner name.
    pub fn load_options(&self, per_second: f64) -> Result<LoadOptions> {
        let world = self.world();
        let network = Ipv4Addr::new(127, world.number(), 200, 0);
        let mut options =
            LoadOptions::new(&self.host(), world.ports().http).clients(network, 60).rate(per_second);
        for region in world.regions() {
            let door = world.front_door(region)?;
            options = options.front_door(door.into(), region);
            options.dns_servers.push(SocketAddr::from((door, world.ports().dns)));
        }
        let inner = format!("http://{}.default.svc.cluster.local:8080/api/next", self.name);
        Ok(options.redirects(10, "/api/redirect", &[(crate::backend::REDIRECT, &inner)]))
    }

    /// Changes the backends of one region. Returns when the switch was thrown.
    pub async fn change(&self, region: &str, change: impl FnOnce(&mut Behaviour)) -> Result<Fault> {
        self.world().change_backend(region, &self.name, change).await?;
        Ok(Fault { onset: Instant::now() })
    }

    /// The backends of one region behave as they did at first.
    pub async fn heal(&self, region: &str) -> Result<Instant> {
        self.change(region, |behaviour| *behaviour = Behaviour::default()).await.map(|fault| fault.onset)
    }

    /// What `gateway` showed last.
    #[must_use]
    pub fn latest(&self, gateway: &str) -> Option<Entry> {
        self.chronicle().latest(&self.name, gateway)
    }

    /// The first change since `from` that `gateway` showed and `matches` accepts; waits for it until `deadline`
    /// after `from`.
    pub async fn until(
        &self,
        what: &str,
        gateway: &str,
        from: Instant,
        deadline: Duration,
        matches: impl Fn(&Entry) -> bool,
    ) -> Result<Entry> {
        let left = deadline.saturating_sub(from.elapsed());
        wait_until(left, &format!("{gateway} to show {what}"), || async {
            let entries = self.chronicle().entries(&self.name, from);
            let found = entries.into_iter().find(|entry| entry.gateway == gateway && matches(entry));
            found.with_context(|| self.chronicle().tell(&self.name, from))
        })
        .await
    }

    /// Waits until `gateway`'s DNS server answers with `region` and `ttl`; returns when that was seen first.
    pub async fn until_dns(
        &self,
        gateway: &str,
        from: Instant,
        deadline: Duration,
        region: &str,
        ttl: u32,
    ) -> Result<Instant> {
        let wanted = Ok((region.to_owned(), ttl));
        let left = deadline.saturating_sub(from.elapsed());
        wait_until(left, &format!("{gateway}'s DNS to answer {region} with TTL {ttl}"), || async {
            let answers = self.chronicle().answers(&self.name, from);
            let found = answers.into_iter().find(|entry| entry.gateway == gateway && entry.answer == wanted);
            found.map(|entry| entry.at).with_context(|| self.chronicle().tell(&self.name, from))
        })
        .await
    }

    /// Everything since `from`: for the message of an assertion.
    #[must_use]
    pub fn tell(&self, from: Instant) -> String {
        self.chronicle().tell(&self.name, from)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
