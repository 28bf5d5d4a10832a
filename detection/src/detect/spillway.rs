//! The product: three gateways with the real evidence, votes and decisions of `spillway-decide`.
//!
//! Traffic is not taken away from the watched region when it is given up: a trial ends with the first verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use spillway_decide::evidence::Evidence;
use spillway_decide::reach::{Company, Watch};
use spillway_decide::{
    Census, Decider, Decision, Door, Heard, Input, Mode, Peer, Priority, PriorityRegion, Time, Verdict,
    Witnesses,
};

use super::{Detector, Stand};
use crate::stream::{EPOCH, Sample, Seen, Tick};

const REGIONS: [&str; 3] = ["first", "second", "third"];
/// Requests a second that each region can carry: never what decides here.
const CEILING: u32 = 100_000;
/// A gateway that has nothing to doubt decides so often here (a real one each 100 ms): it changes nothing but time.
const CALM_MILLIS: u64 = 1000;
/// After a lost probe gateways decide in every tick for so long.
const ALERT_MILLIS: u64 = 20_000;

/// Three regions with a gateway each.
pub struct Federation {
    priority: Priority,
    peers: Vec<Peer>,
    gateways: Vec<Gateway>,
    alert_until: Time,
}

struct Gateway {
    place: usize,
    evidence: Evidence,
    watches: BTreeMap<String, Watch>,
    decider: Decider,
    heard: BTreeMap<String, Heard>,
    decision: Option<Decision>,
}

impl Federation {
    /// All defaults: holds of 30 s and 5 s, a quorum of both others.
    #[must_use]
    pub fn new(all_serve: bool) -> Self {
        let region = |name: &str| PriorityRegion { name: name.to_owned(), ..PriorityRegion::default() };
        let priority = Priority {
            mode: if all_serve { Mode::Local } else { Mode::Ordered },
            regions: REGIONS.map(region).into(),
            ..Priority::default()
        };
        let peer = |(n, name): (u8, &str)| Peer {
            member: name.to_owned(),
            region: name.to_owned(),
            front_door: Door { addresses: vec![[127, 1, n, 1].into()], port: 80 },
            ..Peer::default()
        };
        Self {
            peers: (1..).zip(REGIONS).map(peer).collect(),
            gateways: (0..3).map(|place| Gateway::new(place, &priority)).collect(),
            priority,
            alert_until: Time(0),
        }
    }

    /// What the gateways hold of the first region, and do about it.
    fn stand(&self) -> Stand {
        let views = self.gateways.iter().filter_map(|gateway| gateway.decision.as_ref());
        let bad = views.clone().any(|decision| {
            decision.report.view.regions.get(REGIONS[0]).is_some_and(|view| view.verdict == Verdict::Degraded)
        });
        let answers = |decision: &Decision, region: &str| {
            decision.answer.as_ref().is_none_or(|answer| answer.region == region)
        };
        let ordered = self.priority.mode == Mode::Ordered;
        let moved = views.enumerate().any(|(place, decision)| {
            let away = place == 0 && decision.shares.percent(REGIONS[0]) < 100;
            away || ((place == 0 || ordered) && !answers(decision, REGIONS[0]))
        });
        Stand { bad, moved }
    }

    /// Reports pass between those who are linked.
    fn exchange(&mut self, tick: &Tick) {
        let reports: Vec<Option<Heard>> =
            self.gateways.iter().map(|gateway| gateway.word(tick.now)).collect();
        for gateway in &mut self.gateways {
            for (place, heard) in reports.iter().enumerate() {
                let Some(heard) = heard.as_ref().filter(|_| linked(tick, place, gateway.place)) else {
                    continue;
                };
                gateway.heard.insert(heard.region.clone(), heard.clone());
            }
        }
    }
}

impl Detector for Federation {
    fn tick(&mut self, tick: &Tick) -> Stand {
        let doubt = tick
            .regions
            .iter()
            .any(|seen| seen.own.iter().chain(seen.doors.iter().flatten()).any(|probe| !probe.ok));
        if doubt {
            self.alert_until = Time(tick.now.0 + ALERT_MILLIS);
        }
        let unwell = self.stand() != Stand::default()
            || self.gateways.iter().any(|gateway| gateway.verdict() != Verdict::Healthy);
        let whole_second = (tick.now.0 - EPOCH).is_multiple_of(CALM_MILLIS);
        let all = tick.all_serve || unwell || whole_second || tick.now <= self.alert_until;
        let mut changed = false;
        for gateway in &mut self.gateways {
            gateway.take(tick);
            if all || gateway.place == 0 {
                changed |= gateway.decide(tick.now, &self.priority, &self.peers);
            }
        }
        if changed || tick.now.0 % 1000 == 500 {
            self.exchange(tick);
        }
        self.stand()
    }
}

impl Gateway {
    fn new(place: usize, priority: &Priority) -> Self {
        let start = Time(EPOCH);
        let others = REGIONS.iter().filter(|name| **name != REGIONS[place]);
        Self {
            place,
            evidence: Evidence::new(start, &priority.health),
            watches: others.map(|name| ((*name).to_owned(), Watch::new(start, &priority.health))).collect(),
            decider: Decider::new(start),
            heard: BTreeMap::new(),
            decision: None,
        }
    }

    fn take(&mut self, tick: &Tick) {
        let own = &tick.regions[self.place];
        take_requests(&mut self.evidence, own);
        for probe in &own.own {
            self.evidence.probe(probe.sent, probe.ok);
        }
        for (place, seen) in tick.regions.iter().enumerate().filter(|(place, _)| *place != self.place) {
            if let Some(watch) = self.watches.get_mut(REGIONS[place]) {
                for probe in &seen.doors[door(place, self.place)] {
                    watch.probe(probe.sent, probe.ok);
                }
            }
        }
    }

    fn decide(&mut self, now: Time, priority: &Priority, peers: &[Peer]) -> bool {
        let votes = self.watches.iter_mut();
        let votes =
            votes.map(|(name, watch)| (name.clone(), watch.vote(now, &priority.health, Company::Others)));
        let input = Input {
            now,
            region: REGIONS[self.place],
            priority,
            peers,
            own: &self.evidence.assess(now),
            routes: &Census::default(),
            votes: &votes.collect(),
            witnesses: Witnesses::default(),
            heard: &self.heard.values().cloned().collect::<Vec<_>>(),
            ceiling: CEILING,
        };
        let decision = self.decider.step(&input);
        let changed = !decision.changes.is_empty();
        self.decision = Some(decision);
        changed
    }

    fn verdict(&self) -> Verdict {
        self.decision.as_ref().map_or(Verdict::Healthy, |decision| decision.report.verdict)
    }

    fn word(&self, at: Time) -> Option<Heard> {
        let report = Arc::new(self.decision.as_ref()?.report.clone());
        Some(Heard { at, region: REGIONS[self.place].to_owned(), report })
    }
}

/// Requests as a gateway's ledger tells them.
pub(crate) fn take_requests(evidence: &mut Evidence, seen: &Seen) {
    for at in &seen.arrived {
        evidence.arrived(*at);
    }
    for sample in &seen.samples {
        match sample {
            Sample::Ended { at, latency, failed, overdue: false } => evidence.request(*at, *latency, *failed),
            Sample::Ended { at, latency, failed, overdue: true } => evidence.late(*at, *latency, *failed),
            Sample::Overdue { at } => evidence.overdue(*at),
            Sample::Lost => {}
        }
    }
}

/// Which of a region's two probers another one is.
const fn door(region: usize, prober: usize) -> usize {
    if prober > region { prober - 1 } else { prober }
}

/// Whether two regions can talk: neither door is closed to the other.
fn linked(tick: &Tick, one: usize, other: usize) -> bool {
    one != other && tick.regions[one].linked[door(one, other)] && tick.regions[other].linked[door(other, one)]
}
