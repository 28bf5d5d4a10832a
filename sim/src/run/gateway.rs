//! A gateway in one of its lives: what the traffic loop of `region-gateway` keeps for one priority.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use spillway_decide::evidence::Evidence;
use spillway_decide::grants::Bucket;
use spillway_decide::reach::{Company, Watch};
use spillway_decide::report::PriorityReport;
use spillway_decide::votes::Vote;
use spillway_decide::{Decider, Decision, Heard, Input, Peer, Priority, Time};

use super::backend::Fate;
use super::clock::Clock;
use super::gist::same_gist;
use super::lie::Lie;
use crate::world::{Millis, Region};

/// How a request in flight will show in the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Done { latency: Millis, failed: bool },
    Overdue,
    Late { latency: Millis, failed: bool },
    Probed { sent: Millis, ok: bool },
}

/// What a gateway knows about its talk with another, or its watch of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contact {
    /// The plan that is valid; an event of an older one is void.
    pub(super) turn: u32,
    /// Something is on its way.
    pub(super) busy: bool,
    /// It is to be done again at once.
    pub(super) urgent: bool,
    /// The last one came back well.
    pub(super) ok: bool,
}

pub(super) struct Gateway {
    pub(super) life: u32,
    pub(super) since: Millis,
    pub(super) clock: Clock,
    pub(super) evidence: Evidence,
    pub(super) watches: Vec<Watch>,
    pub(super) talks: Vec<Contact>,
    pub(super) probes: Vec<Contact>,
    /// A step for news is planned already.
    pub(super) noticed: bool,
    name: String,
    decider: Decider,
    heard: Vec<Heard>,
    endings: BinaryHeap<Reverse<(Millis, Ending)>>,
    buckets: BTreeMap<String, Bucket>,
    pub(super) decision: Option<Decision>,
    /// The report of the last decision, which is taken out of it: peers share it.
    pub(super) report: Option<Arc<PriorityReport>>,
    bound: Millis,
}

/// What a step needs besides the gateway's own memory.
pub(super) struct Around<'a> {
    pub(super) priority: &'a Priority,
    pub(super) peers: &'a [Peer],
    pub(super) names: &'a [String],
    pub(super) witness: Option<bool>,
    pub(super) ceiling: u32,
}

impl Gateway {
    pub(super) fn new(life: u32, now: Millis, region: &Region, priority: &Priority, regions: usize) -> Self {
        let clock = Clock::of(region);
        let local = clock.at(now);
        Self {
            life,
            since: now,
            clock,
            evidence: Evidence::new(local, &priority.health),
            watches: (0..regions).map(|_| Watch::new(local, &priority.health)).collect(),
            talks: vec![Contact::default(); regions],
            probes: vec![Contact { ok: true, ..Contact::default() }; regions],
            noticed: false,
            name: region.name.clone(),
            decider: Decider::new(local),
            heard: Vec::new(),
            endings: BinaryHeap::new(),
            buckets: BTreeMap::new(),
            decision: None,
            report: None,
            bound: priority.health.max_latency_p95_milliseconds.into(),
        }
    }

    /// Decides; says whether there is something to tell at once.
    pub(super) fn step(&mut self, now: Millis, around: &Around<'_>, lie: Option<Lie>) -> bool {
        let local = self.clock.at(now);
        self.settle(now);
        let votes = self.votes(local, around);
        let mut decision = self.decider.step(&Input {
            now: local,
            region: &self.name,
            priority: around.priority,
            peers: around.peers,
            own: &self.evidence.assess(local),
            votes: &votes,
            heard: &self.heard,
            ceiling: around.ceiling,
        });
        if let Some(lie) = lie {
            lie.twist(&self.name, now, &mut decision);
        }
        self.fund(local, &decision.grants);
        let report = Arc::new(std::mem::take(&mut decision.report));
        let news = !self.report.as_ref().is_some_and(|told| same_gist(told, &report));
        self.report = Some(report);
        self.decision = Some(decision);
        news
    }

    fn votes(&mut self, local: Time, around: &Around<'_>) -> BTreeMap<String, Vote> {
        let company = if around.priority.regions.len() > 2 {
            Company::Others
        } else {
            Company::Alone { witness: around.witness }
        };
        let others = around.names.iter().zip(&mut self.watches).filter(|(name, _)| **name != self.name);
        others
            .map(|(name, watch)| (name.clone(), watch.vote(local, &around.priority.health, company)))
            .collect()
    }

    fn fund(&mut self, local: Time, grants: &BTreeMap<String, u32>) {
        self.buckets.retain(|region, _| grants.contains_key(region));
        for (region, rate) in grants {
            match self.buckets.get_mut(region) {
                Some(bucket) => bucket.set(local, *rate),
                None => self.buckets.entry(region.clone()).or_default().set(local, *rate),
            }
        }
    }

    /// Takes a peer's report in; says whether it tells something new.
    pub(super) fn hear(&mut self, now: Millis, region: &str, report: Arc<PriorityReport>) -> bool {
        let at = self.clock.at(now);
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.region == region) {
            let news = !same_gist(&heard.report, &report);
            (heard.at, heard.report) = (at, report);
            return news;
        }
        self.heard.push(Heard { at, region: region.to_owned(), report });
        true
    }

    /// Where an arrival of this client is to go; none before the first decision.
    pub(super) fn wanted(&self, client: IpAddr) -> Option<&str> {
        self.decision.as_ref()?.shares.region_of(client)
    }

    /// Takes one request off a region's grant, if there is one left.
    pub(super) fn charge(&mut self, now: Millis, region: &str) -> bool {
        let local = self.clock.at(now);
        self.buckets.get_mut(region).is_some_and(|bucket| bucket.take(local))
    }

    /// A request that this region serves, from its beginning.
    pub(super) fn serve(&mut self, start: Millis, fate: Fate, local: bool) {
        if local {
            self.evidence.arrived(self.clock.at(start));
        }
        let failed = fate.failed;
        match fate.latency {
            Some(latency) if latency <= self.bound => {
                self.endings.push(Reverse((start + latency, Ending::Done { latency, failed })));
            }
            latency => {
                self.endings.push(Reverse((start + self.bound, Ending::Overdue)));
                let late =
                    latency.map(|latency| Reverse((start + latency, Ending::Late { latency, failed })));
                self.endings.extend(late);
            }
        }
    }

    /// A probe of the own backends; it is told when it ends, or when its deadline passes.
    pub(super) fn note_probe(&mut self, sent: Millis, fate: Fate) {
        let at = sent + fate.latency.map_or(self.bound, |latency| latency.min(self.bound));
        self.endings.push(Reverse((at, Ending::Probed { sent, ok: fate.is_good(self.bound) })));
    }

    /// What has ended by now becomes evidence.
    fn settle(&mut self, now: Millis) {
        while let Some(Reverse((at, ending))) = self.endings.peek().copied().filter(|entry| entry.0.0 <= now)
        {
            self.endings.pop();
            let at = self.clock.at(at);
            match ending {
                Ending::Probed { sent, ok } => self.evidence.probe(self.clock.at(sent), ok),
                Ending::Done { latency, failed } => {
                    self.evidence.request(at, Duration::from_millis(latency), failed);
                }
                Ending::Overdue => self.evidence.overdue(at),
                Ending::Late { latency, failed } => {
                    self.evidence.late(at, Duration::from_millis(latency), failed);
                }
            }
        }
    }

    /// Takes a changed priority.
    pub(super) fn reconfigure(&mut self, now: Millis, priority: &Priority) {
        let local = self.clock.at(now);
        self.evidence.reconfigure(local, &priority.health);
        for watch in &mut self.watches {
            watch.reconfigure(local, &priority.health);
        }
        self.bound = priority.health.max_latency_p95_milliseconds.into();
    }
}
