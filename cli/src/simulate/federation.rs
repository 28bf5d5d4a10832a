//! One gateway a region, in virtual time, around the real decisions.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use spillway_decide::evidence::Evidence;
use spillway_decide::grants::DEFAULT_CEILING;
use spillway_decide::reach::{Company, Watch};
use spillway_decide::{
    Census, Change, Decider, Decision, Door, Heard, Input, Peer, Priority, Time, Witnesses,
};

use super::{Event, Service};

/// The run begins at this time of the epoch; nothing hangs on it.
const EPOCH: u64 = 1_790_000_000_000;
const TICK: u64 = 100;
/// A request that nothing is wrong with.
const USUAL: u64 = 20;

/// Who is unwell when, in seconds of the run.
pub(super) struct Script {
    pub(super) region: String,
    pub(super) service: Service,
    pub(super) from: u64,
    pub(super) until: u64,
    /// Fail all along.
    pub(super) ill: Vec<String>,
}

impl Script {
    fn service(&self, region: &str, now: u64) -> Service {
        if region == self.region && (self.from * 1000..self.until * 1000).contains(&now) {
            return self.service;
        }
        if self.ill.iter().any(|ill| ill == region) { Service::Errors(100) } else { Service::Latency(USUAL) }
    }

    fn is_dead(&self, region: &str, now: u64) -> bool {
        self.service(region, now) == Service::Dead
    }
}

pub(super) struct Federation {
    priority: Priority,
    peers: Vec<Peer>,
    ceilings: BTreeMap<String, u32>,
    gateways: Vec<Gateway>,
    script: Script,
    rate: u64,
    now: u64,
}

struct Gateway {
    region: String,
    evidence: Evidence,
    decider: Decider,
    watches: BTreeMap<String, Watch>,
    heard: BTreeMap<String, Heard>,
    decision: Option<Decision>,
    flight: VecDeque<(u64, Ending)>,
}

/// How a request in flight will show.
#[derive(Clone, Copy)]
enum Ending {
    Done { latency: u64, failed: bool },
    Overdue,
    Late { latency: u64 },
}

impl Federation {
    pub(super) fn new(
        priority: Priority,
        ceilings: BTreeMap<String, u32>,
        script: Script,
        rate: u64,
    ) -> Self {
        let peer = |(last, region): (u32, &str)| Peer {
            member: region.to_owned(),
            region: region.to_owned(),
            front_door: Door { addresses: vec![Ipv4Addr::from_bits(last).into()], port: 80 },
            ..Peer::default()
        };
        let gateways = priority.names().map(|name| Gateway::new(name, Time(EPOCH), &priority)).collect();
        let peers = (1..).zip(priority.names()).map(peer).collect();
        Self { peers, ceilings, gateways, script, rate, priority, now: 0 }
    }

    /// What changes from the beginning of the fault on, until `second` or until everything is as it was.
    pub(super) fn play(&mut self, second: u64) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        let begin = self.script.from * 1000;
        while self.now < second * 1000 {
            self.now += TICK;
            self.serve();
            if self.now.is_multiple_of(1000) {
                self.probe();
            }
            let changes = self.decide();
            if self.now % 1000 == 500 || !changes.is_empty() {
                self.exchange();
            }
            let seconds = Duration::from_millis(self.now.saturating_sub(begin)).as_secs_f64();
            let fresh = changes.into_iter().filter(|_| self.now >= begin);
            events.extend(fresh.map(|(gateway, change)| Event {
                seconds,
                gateway,
                what: change.to_string(),
                change,
            }));
        }
        events
    }

    fn serve(&mut self) {
        let bound = self.priority.health.latency_bound();
        let bound = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        // In tenths of a second there are not always whole requests.
        let (first, last) = (self.rate * (self.now - TICK) / 1000, self.rate * self.now / 1000);
        for origin in 0..self.gateways.len() {
            let Some(gateway) = self.gateways.get(origin) else { continue };
            if self.script.is_dead(&gateway.region, self.now) {
                continue;
            }
            for number in first..last {
                let Some(region) = self.gateways.get(origin).map(|gateway| gateway.target(number)) else {
                    continue;
                };
                let service = self.script.service(&region, self.now);
                let start = EPOCH + number * 1000 / self.rate;
                let target = self.gateways.iter_mut().find(|gateway| gateway.region == region);
                if let Some(target) = target {
                    if self.priority.names().nth(origin) == Some(region.as_str()) {
                        target.evidence.arrived(Time(start));
                    }
                    target.receive(start, service, bound, (number * 37) % 100);
                }
            }
        }
        let now = EPOCH + self.now;
        self.gateways.iter_mut().for_each(|gateway| gateway.settle(now));
    }

    fn probe(&mut self) {
        let bound = self.priority.health.latency_bound();
        for gateway in &mut self.gateways {
            let now = Time(EPOCH + self.now);
            let well = match self.script.service(&gateway.region, self.now) {
                Service::Latency(latency) => Duration::from_millis(latency) < bound,
                Service::Errors(percent) => percent < 50,
                Service::Dead => false,
            };
            gateway.evidence.probe(now, well);
            for (other, watch) in &mut gateway.watches {
                watch.probe(now, !self.script.is_dead(other, self.now));
            }
        }
    }

    fn exchange(&mut self) {
        let alive = self.gateways.iter().filter(|gateway| !self.script.is_dead(&gateway.region, self.now));
        let reports: Vec<Heard> = alive
            .filter_map(|gateway| {
                let report = Arc::new(gateway.decision.as_ref()?.report.clone());
                Some(Heard { at: Time(EPOCH + self.now), region: gateway.region.clone(), report })
            })
            .collect();
        for gateway in &mut self.gateways {
            let others = reports.iter().filter(|heard| heard.region != gateway.region);
            gateway.heard.extend(others.map(|heard| (heard.region.clone(), heard.clone())));
        }
    }

    fn decide(&mut self) -> Vec<(String, Change)> {
        let now = Time(EPOCH + self.now);
        let mut changes = Vec::new();
        for gateway in &mut self.gateways {
            if self.script.is_dead(&gateway.region, self.now) {
                *gateway = Gateway::new(&gateway.region, now, &self.priority);
                continue;
            }
            let ceiling = self.ceilings.get(&gateway.region).copied().unwrap_or(DEFAULT_CEILING);
            let made = gateway.decide(now, &self.priority, &self.peers, ceiling);
            changes.extend(made.into_iter().map(|change| (gateway.region.clone(), change)));
        }
        changes
    }
}

impl Gateway {
    fn new(region: &str, now: Time, priority: &Priority) -> Self {
        let others = priority.names().filter(|name| *name != region);
        Self {
            region: region.to_owned(),
            watches: others.map(|name| (name.to_owned(), Watch::new(now, &priority.health))).collect(),
            evidence: Evidence::new(now, &priority.health),
            decider: Decider::new(now),
            heard: BTreeMap::new(),
            decision: None,
            flight: VecDeque::new(),
        }
    }

    /// The region that serves the client of a request.
    fn target(&self, number: u64) -> String {
        let client = u32::try_from(number.wrapping_mul(7) % 65_536).unwrap_or_default();
        let address = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | client));
        let region = self.decision.as_ref().and_then(|decision| decision.shares.region_of(address));
        region.unwrap_or(&self.region).to_owned()
    }

    fn receive(&mut self, start: u64, service: Service, bound: u64, dice: u64) {
        let done = |failed| (start + USUAL, Ending::Done { latency: USUAL, failed });
        let ending = match service {
            Service::Dead => return,
            Service::Errors(percent) => done(dice < percent),
            Service::Latency(latency) if latency >= bound => {
                self.flight.push_back((start + bound, Ending::Overdue));
                (start + latency, Ending::Late { latency })
            }
            Service::Latency(latency) => (start + latency, Ending::Done { latency, failed: false }),
        };
        self.flight.push_back(ending);
    }

    fn settle(&mut self, now: u64) {
        let evidence = &mut self.evidence;
        self.flight.retain(|(at, ending)| {
            if *at > now {
                return true;
            }
            match *ending {
                Ending::Done { latency, failed } => {
                    evidence.request(Time(*at), Duration::from_millis(latency), failed);
                }
                Ending::Overdue => evidence.overdue(Time(*at)),
                Ending::Late { latency } => evidence.late(Time(*at), Duration::from_millis(latency), false),
            }
            false
        });
    }

    fn decide(&mut self, now: Time, priority: &Priority, peers: &[Peer], ceiling: u32) -> Vec<Change> {
        let witness = (!priority.witnesses.is_empty()).then_some(true);
        let company = if priority.regions.len() > 2 { Company::Others } else { Company::Alone { witness } };
        let votes = self.watches.iter_mut();
        let votes = votes.map(|(region, watch)| (region.clone(), watch.vote(now, &priority.health, company)));
        let mut decision = self.decider.step(&Input {
            now,
            region: &self.region,
            priority,
            peers,
            own: &self.evidence.assess(now),
            routes: &Census::default(),
            witnesses: Witnesses::default(),
            votes: &votes.collect(),
            heard: &self.heard.values().cloned().collect::<Vec<_>>(),
            ceiling,
        });
        let changes = std::mem::take(&mut decision.changes);
        self.decision = Some(decision);
        changes
    }
}
