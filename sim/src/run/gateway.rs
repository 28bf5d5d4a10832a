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
use spillway_decide::{Census, Decider, Decision, Heard, Input, Peer, Priority, Time, Witnesses};

use super::backend::Fate;
use super::clock::Clock;
use super::gist::same_gist;
use super::lie::Lie;
use crate::world::{Millis, Region, route_name};

/// How a request in flight will show in the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Done { latency: Millis, failed: bool, local: bool },
    Overdue { local: bool },
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
    routes: Vec<Evidence>,
    census: (Time, Census),
    pub(super) watches: Vec<Watch>,
    pub(super) talks: Vec<Contact>,
    pub(super) probes: Vec<Contact>,
    /// A step for news is planned already.
    pub(super) noticed: bool,
    name: String,
    decider: Decider,
    heard: Vec<Heard>,
    endings: BinaryHeap<Reverse<(Millis, Ending, Option<usize>)>>,
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
    pub(super) fn new(
        life: u32,
        now: Millis,
        region: &Region,
        priority: &Priority,
        regions: usize,
        routes: usize,
    ) -> Self {
        let clock = Clock::of(region);
        let local = clock.at(now);
        Self {
            life,
            since: now,
            clock,
            evidence: Evidence::new(local, &priority.health),
            routes: (0..routes).map(|_| Evidence::of_route(local, &priority.health)).collect(),
            census: (Time::default(), Census::default()),
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
        self.count(local, around.priority);
        let votes = self.votes(local, around);
        let mut decision = self.decider.step(&Input {
            now: local,
            region: &self.name,
            priority: around.priority,
            peers: around.peers,
            own: &self.evidence.assess_but(local, &self.census.1),
            routes: &self.census.1,
            votes: &votes,
            witnesses: around.witness.map_or_else(Witnesses::default, |answers| Witnesses {
                asked: 1,
                answered: u32::from(answers),
            }),
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

    /// What the routes show, every 250 ms.
    fn count(&mut self, local: Time, priority: &Priority) {
        if self.routes.is_empty() || local.since(self.census.0) < Duration::from_millis(250) {
            return;
        }
        let names: Vec<String> = (0..self.routes.len()).map(route_name).collect();
        let read =
            names.iter().zip(&mut self.routes).map(|(name, route)| (name.as_str(), route.assess(local)));
        let none = std::collections::BTreeSet::new();
        let watched = self.decision.as_ref().map_or(&none, |decision| &decision.watched);
        self.census = (local, Census::take(&priority.health, read, watched, 0));
    }

    /// Whether a route is the exception, here or elsewhere.
    pub(super) fn watches_route(&self, route: usize) -> bool {
        self.decision.as_ref().is_some_and(|decision| decision.watched.contains(&route_name(route)))
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
    pub(super) fn wanted(&self, route: Option<usize>, client: IpAddr) -> Option<&str> {
        let decision = self.decision.as_ref()?;
        let own = route.and_then(|route| decision.routes.get(&route_name(route)));
        own.unwrap_or(&decision.shares).region_of(client)
    }

    /// Takes one request off a region's grant, if there is one left.
    pub(super) fn charge(&mut self, now: Millis, region: &str) -> bool {
        let local = self.clock.at(now);
        self.buckets.get_mut(region).is_some_and(|bucket| bucket.take(local))
    }

    /// A request that this region serves, from its beginning.
    pub(super) fn serve(&mut self, start: Millis, route: Option<usize>, fate: Fate, local: bool) {
        if local {
            self.evidence.arrived(self.clock.at(start));
        }
        let failed = fate.failed;
        match fate.latency {
            Some(latency) if latency <= self.bound => {
                self.endings.push(Reverse((start + latency, Ending::Done { latency, failed, local }, route)));
            }
            latency => {
                self.endings.push(Reverse((start + self.bound, Ending::Overdue { local }, route)));
                let late = latency
                    .map(|latency| Reverse((start + latency, Ending::Late { latency, failed }, route)));
                self.endings.extend(late);
            }
        }
    }

    /// A probe of the own backends; it is told when it ends, or when its deadline passes.
    pub(super) fn note_probe(&mut self, sent: Millis, route: Option<usize>, fate: Fate) {
        let at = sent + fate.latency.map_or(self.bound, |latency| latency.min(self.bound));
        self.endings.push(Reverse((at, Ending::Probed { sent, ok: fate.is_good(self.bound) }, route)));
    }

    /// What has ended by now becomes evidence.
    fn settle(&mut self, now: Millis) {
        while let Some(Reverse((at, ending, route))) = self.endings.peek().copied().filter(|it| it.0.0 <= now)
        {
            self.endings.pop();
            let own = route.and_then(|route| self.routes.get_mut(route));
            let is_probe = matches!(ending, Ending::Probed { .. });
            if route.is_none() || !is_probe {
                Self::tell(&mut self.evidence, self.clock, at, ending);
            }
            if let Some(own) = own {
                Self::tell(own, self.clock, at, ending);
            }
        }
    }

    /// What has ended becomes evidence: of everything, and of its route. A probe of a route is of that alone.
    fn tell(evidence: &mut Evidence, clock: Clock, at: Millis, ending: Ending) {
        let at = clock.at(at);
        match ending {
            Ending::Probed { sent, ok } => evidence.probe(clock.at(sent), ok),
            Ending::Done { latency, failed, local: true } => {
                evidence.request(at, Duration::from_millis(latency), failed);
            }
            Ending::Done { latency, failed, local: false } => {
                evidence.forwarded_request(at, Duration::from_millis(latency), failed);
            }
            Ending::Overdue { local: true } => evidence.overdue(at),
            Ending::Overdue { local: false } => evidence.forwarded_overdue(at),
            Ending::Late { latency, failed } => evidence.late(at, Duration::from_millis(latency), failed),
        }
    }

    /// Takes a changed priority.
    pub(super) fn reconfigure(&mut self, now: Millis, priority: &Priority) {
        let local = self.clock.at(now);
        self.evidence.reconfigure(local, &priority.health);
        for route in &mut self.routes {
            route.reconfigure(local, &priority.health);
        }
        for watch in &mut self.watches {
            watch.reconfigure(local, &priority.health);
        }
        self.bound = priority.health.max_latency_p95_milliseconds.into();
    }
}
