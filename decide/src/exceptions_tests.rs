//! Three regions, whose routes are bad when the test says so.

use std::sync::Arc;

use super::*;
use crate::assessment::{Assessment, Breach};
use crate::count::{Count, Counts};
use crate::peer::Peer;
use crate::priority::{Intent, Mode, PriorityRegion};
use crate::{Census, Change, Decider, Decision, Heard};

const REGIONS: [&str; 3] = ["a", "b", "c"];
/// Requests in the window of each route; `big` and the two others are together more than 30 %.
const ROUTES: [(&str, u64); 4] = [("big", 400), ("r", 100), ("s", 100), ("t", 100)];

/// A route that is bad in a region from one second to another.
type Fault = (&'static str, &'static str, u64, u64);

struct World {
    priority: Priority,
    faults: Vec<Fault>,
    old: Option<&'static str>,
    /// What is bad is only what other regions forward.
    forwarded_only: bool,
    deciders: Vec<Decider>,
    decisions: Vec<Option<Decision>>,
    now: u64,
    changes: Vec<(u64, String)>,
}

impl World {
    fn new(faults: &[Fault]) -> Self {
        let regions = REGIONS.map(|name| PriorityRegion { name: name.into(), intent: Intent::Auto });
        let priority = Priority { regions: regions.into(), mode: Mode::Ordered, ..Priority::default() };
        Self {
            priority,
            faults: faults.to_vec(),
            old: None,
            forwarded_only: false,
            deciders: REGIONS.map(|_| Decider::new(Time(0))).into(),
            decisions: vec![None; 3],
            now: 0,
            changes: Vec::new(),
        }
    }

    fn assessment(&self, region: &str, route: &str, requests: u64) -> Assessment {
        let mine = |fault: &&Fault| fault.0 == region && fault.1 == route && fault.2 <= self.now / 1000;
        let fault = self.faults.iter().filter(mine).max_by_key(|fault| fault.2);
        let latest = fault.map_or(0, |fault| self.now.min(fault.3 * 1000));
        let bad = fault.filter(|fault| self.now < (fault.3 + 10) * 1000);
        let errors = Count { total: requests, bad: if bad.is_some() { requests } else { 0 } };
        Assessment {
            opinion: true,
            breach: bad.map(|_| Breach::Errors { percent: 100.0, bound: 5.0, rate: 10.0 }),
            held: bad.map(|fault| Time(latest).since(Time(fault.2 * 1000))).unwrap_or_default(),
            quiet_since: Time(latest),
            forwarded_only: self.forwarded_only && bad.is_some(),
            counts: Counts { errors, slow: Count { total: requests, bad: 0 } },
            ..Assessment::default()
        }
    }

    fn step(&mut self) {
        self.now += 100;
        let now = Time(self.now);
        for (place, me) in REGIONS.into_iter().enumerate() {
            let watched = self.decisions[place].as_ref().map(|it| it.watched.clone()).unwrap_or_default();
            let read = ROUTES.map(|(route, requests)| (route, self.assessment(me, route, requests)));
            let census = Census::take(&self.priority.health, read, &watched, 0);
            let heard: Vec<Heard> = (0..3)
                .filter(|other| *other != place)
                .filter_map(|other| {
                    let mut report = self.decisions[other].as_ref()?.report.clone();
                    if self.old == Some(REGIONS[other]) {
                        report.routes = None;
                    }
                    Some(Heard { at: now, region: REGIONS[other].to_owned(), report: Arc::new(report) })
                })
                .collect();
            let peers = REGIONS.map(|region| Peer {
                region: region.into(),
                member: region.into(),
                ..Peer::default()
            });
            let own = Assessment { counts: Counts::default(), ..self.assessment(me, "", 0) };
            let decision = self.deciders[place].step(&Input {
                now,
                region: me,
                priority: &self.priority,
                peers: &peers,
                own: &own,
                routes: &census,
                votes: &BTreeMap::new(),
                witnesses: crate::Witnesses::default(),
                heard: &heard,
                ceiling: 1_000,
            });
            let turned = decision
                .changes
                .iter()
                .filter(|it| matches!(it, Change::Route { .. } | Change::Verdict { .. }));
            self.changes.extend(turned.map(|change| (self.now, format!("{me}: {change}"))));
            self.decisions[place] = Some(decision);
        }
    }

    fn until(&mut self, second: u64) {
        while self.now < second * 1000 {
            self.step();
        }
    }

    fn decision(&self, region: &str) -> &Decision {
        let place = REGIONS.iter().position(|name| *name == region).unwrap();
        self.decisions[place].as_ref().unwrap()
    }

    /// Where the arrivals of a route go that come to a region.
    fn shares(&self, region: &str, route: &str) -> String {
        let decision = self.decision(region);
        decision.routes.get(route).unwrap_or(&decision.shares).to_string()
    }

    fn verdict(&self, region: &str) -> Verdict {
        self.decision(region).report.verdict
    }
}

#[test]
fn a_bad_route_leaves_alone_by_the_steps_and_comes_home_alone() {
    let mut world = World::new(&[("a", "r", 20, 60)]);
    world.until(49);
    assert_eq!(world.shares("a", "r"), "a 100 %", "{:?}", world.changes);
    let mut seen = Vec::new();
    while world.now < 300_000 {
        world.step();
        seen.push((world.now / 1000, world.shares("a", "r")));
        assert_eq!(world.shares("a", "big"), "a 100 %", "{:?}", world.changes);
        assert_eq!(world.verdict("a"), Verdict::Healthy, "{:?}", world.changes);
    }
    seen.dedup_by(|new, old| new.1 == old.1);
    let expected = [
        (49, "a 100 %"),
        (50, "a 90 %, b 10 %"),
        (51, "a 35 %, b 65 %"),
        (52, "b 100 %"),
        (90, "a 5 %, b 95 %"),
        (120, "a 25 %, b 75 %"),
        (150, "a 50 %, b 50 %"),
        (180, "a 100 %"),
    ];
    let seen: Vec<_> = seen.iter().map(|(at, shares)| (*at, shares.as_str())).collect();
    assert_eq!(seen, expected, "{:#?}", world.changes);
    assert!(world.decision("a").report.view.routes.is_empty());
}

#[test]
fn it_says_so_in_words() {
    let mut world = World::new(&[("a", "r", 20, 600)]);
    world.until(52);
    let report = &world.decision("a").report;
    let [route] = report.view.routes.as_slice() else { panic!("{:?}", report.view.routes) };
    let reason = "errors 100.0 % > 5 % for 30 s (10 req/s); 100 % spills to b (grant 500 req/s)";
    assert_eq!(
        (route.route.as_str(), route.verdict, route.reason.as_str()),
        ("r", Verdict::Degraded, reason)
    );
    let region = &report.view.regions["a"];
    assert!(region.reason.ends_with(&format!("; except route r: Degraded: {reason}")), "{}", region.reason);
    assert_eq!(world.decision("a").shed.keys().collect::<Vec<_>>(), ["r"]);
}

/// A route, and then the whole region: they are doubted, nobody leaves, and nobody is sent there anew.
#[test]
fn what_other_regions_forward_moves_nothing_by_itself() {
    for (what, forwarded_only) in [("r", false), ("r", true), ("", false), ("", true)] {
        let mut world = World { forwarded_only, ..World::new(&[("a", what, 20, 90)]) };
        world.until(60);
        let stays = world.shares("a", if what.is_empty() { "big" } else { what }) == "a 100 %";
        assert_eq!(stays, forwarded_only, "{what:?}: {:#?}", world.changes);
        let told = &world.decision("a").report;
        let verdict = told.routes.as_ref().and_then(|told| told.exceptions.get(what));
        let verdict = verdict.map_or(told.verdict, |route| route.verdict);
        let expected = if forwarded_only { Verdict::Suspected } else { Verdict::Degraded };
        assert_eq!(verdict, expected, "{what:?}: {:#?}", world.changes);
    }
}

#[test]
fn those_who_stand_by_forward_it_to_where_it_is_well() {
    let mut world = World::new(&[("a", "r", 20, 600)]);
    world.until(60);
    for (region, route, expected) in
        [("b", "r", "b 100 %"), ("c", "r", "b 100 %"), ("b", "big", "a 100 %"), ("c", "big", "a 100 %")]
    {
        assert_eq!(world.shares(region, route), expected, "{route} at {region}: {:#?}", world.changes);
    }
}

#[test]
fn a_route_that_is_bad_everywhere_does_not_move() {
    let mut world = World::new(&[("a", "r", 20, 600), ("b", "r", 21, 600), ("c", "r", 21, 600)]);
    world.until(100);
    let moved: Vec<_> = world.changes.iter().filter(|(_, change)| change.contains("spills")).collect();
    assert!(moved.is_empty(), "{moved:#?}");
    assert!(
        world.decision("a").report.view.routes[0].reason.ends_with("traffic stays"),
        "{:#?}",
        world.changes
    );
}

#[test]
fn it_passes_over_where_it_is_bad_too() {
    let mut world = World::new(&[("a", "r", 20, 600), ("b", "r", 25, 60)]);
    world.until(53);
    assert_eq!(world.shares("a", "r"), "c 100 %", "{:#?}", world.changes);
}

#[test]
fn twenty_nine_seconds_move_nothing() {
    let mut world = World::new(&[("a", "r", 20, 49)]);
    world.until(100);
    assert!(!world.changes.iter().any(|(_, change)| change.contains("route")), "{:#?}", world.changes);
}

#[test]
fn half_of_the_routes_with_enough_requests_are_the_region() {
    let mut world = World::new(&[("a", "r", 20, 600), ("a", "big", 20, 600)]);
    world.until(52);
    assert_eq!(world.verdict("a"), Verdict::Degraded, "{:#?}", world.changes);
    assert!(world.decision("a").report.view.routes.is_empty(), "the region covers them");
    let reason = &world.decision("a").report.reason;
    assert!(
        reason.starts_with("2 of 4 routes, with 71 % of the requests, are bad; big: errors 100.0 %"),
        "{reason}"
    );
}

#[test]
fn exceptions_that_grow_to_the_rule_are_the_region() {
    let mut world = World::new(&[("a", "big", 20, 600), ("a", "r", 70, 600)]);
    world.until(52);
    assert_eq!(world.verdict("a"), Verdict::Healthy);
    assert_eq!(world.shares("a", "big"), "b 100 %");
    world.until(102);
    assert_eq!(world.verdict("a"), Verdict::Degraded, "{:#?}", world.changes);
    assert_eq!((world.shares("a", "big"), world.shares("a", "s")), ("b 100 %".into(), "b 100 %".into()));
}

#[test]
fn who_does_not_judge_routes_is_no_target_for_one() {
    let mut world = World::new(&[("a", "r", 20, 600)]);
    world.old = Some("b");
    world.until(53);
    assert_eq!(world.shares("a", "r"), "c 100 %", "{:#?}", world.changes);
}

#[test]
fn no_more_regions_shed_a_route_than_the_cap() {
    let mut world = World::new(&[("a", "r", 20, 600), ("b", "r", 60, 600)]);
    world.until(55);
    assert_eq!(world.shares("a", "r"), "b 100 %");
    world.until(120);
    assert_eq!(world.shares("a", "r"), "c 100 %", "{:#?}", world.changes);
    assert_eq!(world.shares("b", "r"), "b 100 %", "as many as may be: {:#?}", world.changes);
}

#[test]
fn people_who_only_observe_see_it_and_nothing_moves() {
    let mut world = World::new(&[("a", "r", 20, 600)]);
    world.priority.enforcement = crate::Enforcement::Observe;
    world.until(60);
    let decision = world.decision("a");
    assert!(decision.shed.is_empty() && world.shares("a", "r") == "a 100 %");
    let reason = &decision.report.view.routes[0].reason;
    assert!(reason.contains("only observing; would send arrivals to b 100 %"), "{reason}");
}

#[test]
fn more_than_can_be_told_are_no_target() {
    let mut exceptions = Exceptions::default();
    let confirmed = Signal::Confirmed { reason: "bad".to_owned() };
    for nth in 0..=MAX_TOLD {
        let mut exception = Exception::new(Time(0));
        exception.machine.step(Time(1), &confirmed, &Priority::default().recovery);
        exceptions.known.insert(format!("{nth}"), exception);
    }
    let told = exceptions.report("a", &Priority::default());
    assert_eq!((told.exceptions.len(), told.elided), (MAX_TOLD, true));
    let report = PriorityReport { routes: Some(told), ..PriorityReport::default() };
    assert!(best([&report].into_iter(), "another").is_some());
    assert_eq!(exceptions.view("a").0.len(), MAX_SHOWN);
}

#[test]
fn nothing_is_shed_towards_those_who_cannot_know() {
    let mut world = World::new(&[("a", "r", 20, 600)]);
    world.old = Some("c");
    world.until(60);
    let decision = world.decision("a");
    assert!(decision.shed.contains_key("r"), "{:?}", decision.shed);
    assert_eq!(decision.unaware.iter().collect::<Vec<_>>(), ["c"]);
}
