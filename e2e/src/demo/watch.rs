//! Looking at the world as its people would: `/debug/state` of every gateway, and real questions to every
//! gateway's DNS server. Latest answers only; who does not answer is absent.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use spillway_decide::report::PriorityView;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::frame::{DnsView, Frame};
use crate::{
    load::{Load, dns},
    world::World,
};

/// Steps of a shift are a second apart: ten looks a step.
const STATE_EVERY: Duration = Duration::from_millis(100);

const DNS_EVERY: Duration = Duration::from_millis(250);

/// Who does not answer within this is shown as silent.
const PATIENCE: Duration = Duration::from_millis(900);

/// The client number whose address asks: above those that the load uses.
const ASKER: u8 = 251;

/// The looking, until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    gateways: BTreeMap<String, PriorityView>,
    dns: BTreeMap<String, DnsView>,
}

impl Watch {
    /// Begins to look at every region, and to ask for `host`.
    pub(super) fn begin(world: &Arc<World>, host: &str) -> anyhow::Result<Self> {
        let (seen, mut tasks) = (Arc::<Mutex<Seen>>::default(), JoinSet::new());
        let mut doors = BTreeMap::new();
        for region in world.regions() {
            doors.insert(world.front_door(region)?, region.clone());
        }
        for (door, region) in &doors {
            tasks.spawn(follow_state(Arc::clone(world), Arc::clone(&seen), region.clone()));
            let asker = Asker {
                source: world.client_address(ASKER),
                server: SocketAddr::from((*door, world.ports().dns)),
                host: host.to_owned(),
                region: region.clone(),
                doors: doors.clone(),
            };
            tasks.spawn(asker.follow(Arc::clone(&seen)));
        }
        Ok(Self { seen, tasks })
    }

    /// What is known now, together with what the clients see.
    pub(super) fn frame(&self, load: &Load) -> Frame {
        let snapshot = load.snapshot();
        let seen = self.seen.lock();
        Frame {
            at: snapshot.at.as_secs_f64(),
            gateways: seen.gateways.clone(),
            dns: seen.dns.clone(),
            clients: snapshot.clients.len(),
            clients_at: snapshot.clients_at(),
            traffic: snapshot.regions,
            totals: snapshot.totals,
        }
    }

    /// Ends the looking; nothing holds the world any more afterwards.
    pub(super) async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn follow_state(world: Arc<World>, seen: Arc<Mutex<Seen>>, region: String) {
    let mut ticks = every(STATE_EVERY);
    loop {
        ticks.tick().await;
        let state = timeout(PATIENCE, world.gateway_state(&region)).await;
        // The world of the demo has one priority: that of the one ingress.
        let view = state.ok().and_then(Result::ok).and_then(|state| state.priorities.into_values().next());
        let gateways = &mut seen.lock().gateways;
        match view {
            Some(view) => drop(gateways.insert(region.clone(), view)),
            None => drop(gateways.remove(&region)),
        }
    }
}

/// Asks one DNS server.
struct Asker {
    source: Ipv4Addr,
    server: SocketAddr,
    host: String,
    region: String,
    doors: BTreeMap<Ipv4Addr, String>,
}

impl Asker {
    async fn follow(self, seen: Arc<Mutex<Seen>>) {
        let mut ticks = every(DNS_EVERY);
        loop {
            ticks.tick().await;
            let answer = dns::ask(self.source, self.server, &self.host, PATIENCE).await.ok();
            let answers = &mut seen.lock().dns;
            match answer.and_then(|answer| self.view(&answer)) {
                Some(view) => drop(answers.insert(self.region.clone(), view)),
                None => drop(answers.remove(&self.region)),
            }
        }
    }

    fn view(&self, answer: &dns::Answer) -> Option<DnsView> {
        let doors = answer.addresses.iter().filter_map(|address| match address {
            std::net::IpAddr::V4(address) => self.doors.get(address),
            std::net::IpAddr::V6(_) => None,
        });
        let region = doors.into_iter().next()?.clone();
        Some(DnsView { region, ttl_seconds: answer.ttl_seconds })
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
