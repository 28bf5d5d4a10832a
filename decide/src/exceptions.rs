//! Routes that are not as their region is: each with a verdict of its own, and with its own way.
//!
//! Everything here is as for a region, with the same machine and the same steps, on standings that each region's
//! exceptions make worse: so a route leaves alone, comes home alone, and goes only where it is well.

use std::collections::{BTreeMap, BTreeSet};

use crate::census::{MAX_COURSES, Part, RouteState, is_region};
use crate::decision::Input;
use crate::hearing::Hearing;
use crate::priority::Priority;
use crate::report::{PriorityReport, RouteReport, RouteReports, RouteView};
use crate::share::Shares;
use crate::shift::{Course, Field, Shifter};
use crate::standing::{Standing, Word, drain};
use crate::time::Time;
use crate::verdict::{Machine, Signal, Verdict};

/// So many routes are told to the peers, the worst first. Who tells of more is no target for any route that moves.
pub const MAX_TOLD: usize = 256;
/// So many are shown to people.
pub const MAX_SHOWN: usize = 16;
/// So many are remembered.
const MAX_KNOWN: usize = 1024;

/// This region's exceptions, and the ways of those that any region has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exceptions {
    known: BTreeMap<String, Exception>,
    ways: BTreeMap<String, Way>,
}

#[derive(Clone, Debug)]
struct Exception {
    machine: Machine,
    /// The latest bad evidence.
    quiet_since: Time,
    /// Requests in its window when it failed: what it carries when all is well.
    weight: u64,
    /// Of how many routes and of how many requests it was one then: where traffic has left, fewer are not more.
    of: (u64, u64),
}

#[derive(Clone, Debug)]
struct Way {
    shifter: Shifter,
    drained: BTreeSet<String>,
    course: Option<Course>,
}

/// What the region itself does, which is what a route does unless it is the exception.
pub(crate) struct Region<'a> {
    pub(crate) standings: &'a [Standing],
    pub(crate) shifter: &'a Shifter,
}

impl Exceptions {
    /// Judges this region's routes. Where the region itself is unwell, it covers them: no exception begins.
    pub(crate) fn judge(&mut self, input: &Input<'_>, region: Verdict) {
        let covered = region >= Verdict::Recovering || !input.routes.is_minority();
        for (route, _) in input.routes.troubled().filter(|_| !covered && input.own.opinion) {
            if self.known.len() < MAX_KNOWN && !self.known.contains_key(route) {
                self.known.insert(route.clone(), Exception::new(input.now));
            }
        }
        for (route, exception) in &mut self.known {
            exception.judge(input, input.routes.notable.get(route), covered);
        }
        self.known.retain(|_, exception| !exception.machine.is_forgettable(input.now));
    }

    /// Why the routes that have failed are the whole region, if they are.
    pub(crate) fn are_the_region(&self, input: &Input<'_>) -> Option<String> {
        let (census, hold) = (input.routes, input.priority.health.hold());
        let mut routes = Part { of: census.routes, bad: 0 };
        let mut requests = Part { of: census.requests, bad: 0 };
        let mut worst: Option<(u64, String)> = None;
        let mut blame = |weight: u64, route: &str, reason: &dyn Fn() -> String| {
            routes.bad += 1;
            requests.bad += weight;
            if worst.as_ref().is_none_or(|(most, _)| *most < weight) {
                worst = Some((weight, format!("{route}: {}", reason())));
            }
        };
        for (route, exception) in self.degraded().filter(|(_, exception)| exception.weight > 0) {
            let seen = census.notable.get(route).map_or(0, |state| state.requests);
            let weight = exception.weight.max(seen);
            blame(weight, route, &|| exception.machine.reason().to_owned());
            requests.of += weight - seen;
            routes.of += u64::from(!census.notable.contains_key(route));
        }
        for (_, exception) in self.degraded() {
            routes.of = routes.of.max(exception.of.0);
            requests.of = requests.of.max(exception.of.1);
        }
        let counts = |route: &str, state: &RouteState| {
            let enough = state.requests >= u64::from(input.priority.health.min_requests);
            state.held >= hold && enough && !state.forwarded_only && !self.is_degraded(route)
        };
        let failed = census.troubled().filter(|(route, state)| counts(route, state));
        for (route, state) in failed {
            blame(state.requests, route, &|| words(state, true));
        }
        let Part { of, bad } = routes;
        is_region(routes, requests).then(|| {
            let share = 100 * requests.bad / requests.of.max(1);
            let (_, worst) = worst.unwrap_or_default();
            format!("{bad} of {of} routes, with {share} % of the requests, are bad; {worst}")
        })
    }

    /// Routes that are to be watched though they may have no requests here: our exceptions, and the others',
    /// who may want to send them.
    pub(crate) fn watched(&self, hearing: &Hearing<'_>) -> BTreeSet<String> {
        let told = hearing.all().filter_map(|(_, report)| report.routes.as_ref());
        let of_peers = told.flat_map(|told| told.exceptions.keys());
        self.known.keys().chain(of_peers.take(MAX_KNOWN)).cloned().collect()
    }

    fn degraded(&self) -> impl Iterator<Item = (&String, &Exception)> {
        self.known.iter().filter(|(_, exception)| exception.machine.verdict() == Verdict::Degraded)
    }

    fn is_degraded(&self, route: &str) -> bool {
        self.known.get(route).is_some_and(|exception| exception.machine.verdict() == Verdict::Degraded)
    }

    /// Those that this region sheds, and since when: those that the peers are told of, who would send them else.
    pub(crate) fn shed(&self) -> BTreeMap<String, Time> {
        let told = self.worst_first(Verdict::Suspected).into_iter().take(MAX_TOLD);
        let degraded = told.filter(|(_, exception)| exception.machine.verdict() == Verdict::Degraded);
        degraded.map(|(route, exception)| (route.clone(), exception.machine.since())).collect()
    }

    /// Where the arrivals go of each route that is the exception here or elsewhere.
    pub(crate) fn decide(&mut self, input: &Input<'_>, hearing: &Hearing<'_>, region: &Region<'_>) {
        let own = self.worst_first(Verdict::Recovering).into_iter().take(MAX_COURSES);
        let mut routes: BTreeSet<String> = own.map(|(route, _)| route.clone()).collect();
        let room = MAX_COURSES - routes.len();
        let of_peers = hearing.all().filter_map(|(_, report)| report.routes.as_ref());
        let unwell = of_peers
            .flat_map(|told| &told.exceptions)
            .filter(|(_, told)| told.verdict >= Verdict::Recovering);
        let others: BTreeSet<&String> = unwell.map(|(route, _)| route).take(MAX_KNOWN).collect();
        routes.extend(others.into_iter().take(room).cloned());
        self.ways.retain(|route, _| routes.contains(route));
        for route in routes {
            let mut way = self.ways.remove(&route).unwrap_or_else(|| Way::like(region));
            let standings = self.standings(&mut way, &route, input, hearing, region.standings);
            let outage = input.routes.notable.get(&route).is_some_and(|state| state.outage);
            let field = Field {
                now: input.now,
                me: input.region,
                priority: input.priority,
                standings: &standings,
                outage: outage || input.own.outage,
            };
            way.course = Some(way.shifter.decide(&field).under(input.priority.enforcement, input.region));
            self.ways.insert(route, way);
        }
    }

    /// How each region stands for one route: as it stands itself, or worse.
    fn standings(
        &self,
        way: &mut Way,
        route: &str,
        input: &Input<'_>,
        hearing: &Hearing<'_>,
        region: &[Standing],
    ) -> Vec<Standing> {
        let mut standings = region.to_vec();
        for standing in standings.iter_mut().filter(|it| !input.priority.is_frozen(&it.region)) {
            if standing.region == input.region {
                if let Some(exception) = self.known.get(route) {
                    worsen(standing, Word::of(&exception.machine, input.priority));
                }
            } else if let Some(told) = best(hearing.of(&standing.region), route) {
                told.apply(standing, input.now);
            }
        }
        let verdict = |name: &str| {
            standings
                .iter()
                .find(|standing| standing.region == name)
                .map_or(Verdict::Healthy, |it| it.verdict)
        };
        let leaving = |name: &str| {
            let told = |report: &PriorityReport| {
                let told = report.routes.as_ref().and_then(|told| told.exceptions.get(route));
                report.draining || told.is_some_and(|told| told.draining)
            };
            hearing.of(name).any(told)
        };
        drain(&mut way.drained, input.priority, verdict, leaving);
        for standing in &mut standings {
            standing.drained = way.drained.contains(&standing.region);
        }
        standings
    }

    /// Where arrivals go of the routes that go another way than the rest.
    pub(crate) fn shares(&self, rest: &Shares) -> BTreeMap<String, Shares> {
        let courses = self.ways.iter().filter_map(|(route, way)| Some((route, way.course.as_ref()?)));
        let other = courses.filter(|(_, course)| course.shares != *rest);
        other.map(|(route, course)| (route.clone(), course.shares.clone())).collect()
    }

    /// Whether some of our routes' arrivals spill or soon may.
    pub(crate) fn ask(&self) -> bool {
        self.known.values().any(|exception| exception.machine.verdict() != Verdict::Healthy)
    }

    /// This region's own routes that move, each with its way and both in words.
    pub(crate) fn moving(&self, me: &str) -> impl Iterator<Item = (&String, Verdict, Course, String)> {
        self.known.iter().filter(|(_, exception)| exception.moves()).map(move |(route, exception)| {
            let (course, reason) = self.way(me, route, exception);
            (route, exception.machine.verdict(), course, reason)
        })
    }

    /// The worst of this region's own routes that move, in words.
    pub(crate) fn worst(&self, me: &str) -> Option<String> {
        let worst = self.worst_first(Verdict::Recovering);
        let (route, exception) = worst.first()?;
        let (_, reason) = self.way(me, route, exception);
        let others = if worst.len() > 1 { format!(" (and {} more)", worst.len() - 1) } else { String::new() };
        Some(format!("route {route}: {}: {reason}{others}", exception.machine.verdict()))
    }

    fn way(&self, me: &str, route: &str, exception: &Exception) -> (Course, String) {
        let course = self.ways.get(route).and_then(|way| way.course.clone());
        let reason = "too many routes move: as its region".to_owned();
        let course = course.unwrap_or_else(|| Course { shares: Shares::all(me), reason, stuck: true });
        let reason = format!("{}; {}", exception.machine.reason(), course.reason);
        (course, reason)
    }

    /// What to tell the peers: the worst first, then those that carry most.
    pub(crate) fn report(&self, me: &str, priority: &Priority) -> RouteReports {
        let worst = self.worst_first(Verdict::Suspected);
        let exceptions = worst.iter().take(MAX_TOLD).map(|(route, exception)| {
            let Word { verdict, reason, home_percent, .. } = Word::of(&exception.machine, priority);
            let draining =
                exception.moves() && self.ways.get(*route).is_some_and(|way| way.drained.contains(me));
            // What is only suspected is not shown to anybody: its words are saved.
            let reason = if exception.moves() { reason } else { String::new() };
            ((*route).clone(), RouteReport { verdict, reason, home_percent, draining })
        });
        RouteReports { exceptions: exceptions.collect(), elided: worst.len() > MAX_TOLD }
    }

    /// What to show to people.
    pub(crate) fn view(&self, me: &str) -> (Vec<RouteView>, u32) {
        let worst = self.worst_first(Verdict::Recovering);
        let hidden = u32::try_from(worst.len().saturating_sub(MAX_SHOWN)).unwrap_or(u32::MAX);
        let view = |(route, exception): &(&String, &Exception)| {
            let (course, reason) = self.way(me, route, exception);
            RouteView {
                route: (*route).clone(),
                verdict: exception.machine.verdict(),
                reason,
                since: exception.machine.since().rfc3339(),
                shares: course.shares.by_region(),
            }
        };
        (worst.iter().take(MAX_SHOWN).map(view).collect(), hidden)
    }

    fn worst_first(&self, least: Verdict) -> Vec<(&String, &Exception)> {
        let bad = self.known.iter().filter(|(_, exception)| exception.machine.verdict() >= least);
        let mut bad: Vec<_> = bad.collect();
        bad.sort_by_key(|(_, exception)| std::cmp::Reverse((exception.machine.verdict(), exception.weight)));
        bad
    }
}

impl Exception {
    fn new(now: Time) -> Self {
        Self { machine: Machine::new(now), quiet_since: now, weight: 0, of: (0, 0) }
    }

    fn judge(&mut self, input: &Input<'_>, state: Option<&RouteState>, covered: bool) {
        self.quiet_since = state.map_or(self.quiet_since, |state| state.quiet_since.max(self.quiet_since));
        let troubled = state.filter(|state| state.breach.is_some());
        let signal = match troubled {
            _ if !input.own.opinion => Signal::Silent,
            None => Signal::Good { quiet_since: self.quiet_since },
            Some(_) if covered && !self.moves() => Signal::Silent,
            Some(state) if state.breach_is_small(&input.priority.health) && !self.moves() => Signal::Silent,
            Some(RouteState { forwarded_only: true, breach: Some(breach), quiet_since, .. }) => {
                breach.of_forwarded(*quiet_since)
            }
            Some(state) if state.held >= input.priority.health.hold() => {
                Signal::Confirmed { reason: words(state, true) }
            }
            Some(state) => Signal::Trouble { reason: words(state, false), relapse: true },
        };
        let before = self.machine.verdict();
        self.machine.step(input.now, &signal, &input.priority.recovery);
        if before < Verdict::Recovering && self.machine.verdict() == Verdict::Degraded {
            self.weight = state.map_or(0, |state| state.requests);
            self.of = (input.routes.routes, input.routes.requests);
        }
    }

    /// Whether its arrivals are away, or on their way home.
    fn moves(&self) -> bool {
        self.machine.verdict() >= Verdict::Recovering
    }
}

impl Way {
    /// A route goes on as its region does.
    fn like(region: &Region<'_>) -> Self {
        let drained = region.standings.iter().filter(|standing| standing.drained);
        let drained = drained.map(|standing| standing.region.clone()).collect();
        Self { shifter: region.shifter.clone(), drained, course: None }
    }
}

/// What a region says of one route.
enum Told<'a> {
    /// It is the exception there.
    Exception(&'a RouteReport),
    /// It does not judge routes, or has not told of all that are the exception.
    Unknown,
}

impl Told<'_> {
    fn apply(&self, standing: &mut Standing, now: Time) {
        standing.within = false;
        if let Self::Exception(told) = self {
            let RouteReport { verdict, reason, home_percent, .. } = (*told).clone();
            worsen(standing, Word { verdict, reason, since: now, home_percent });
        }
    }
}

/// Of several gateways, the best: none if the route is well with any of them.
fn best<'a>(reports: impl Iterator<Item = &'a PriorityReport>, route: &str) -> Option<Told<'a>> {
    let mut best: Option<Told<'a>> = None;
    for report in reports {
        let told = match &report.routes {
            None => Told::Unknown,
            Some(told) => match told.exceptions.get(route) {
                Some(exception) if exception.verdict == Verdict::Healthy => return None,
                Some(exception) => Told::Exception(exception),
                None if told.elided => Told::Unknown,
                None => return None,
            },
        };
        best = match (best, told) {
            (Some(Told::Exception(old)), Told::Exception(new)) if old.verdict <= new.verdict => {
                Some(Told::Exception(old))
            }
            (Some(Told::Unknown), _) => Some(Told::Unknown),
            (_, told) => Some(told),
        };
    }
    best
}

fn worsen(standing: &mut Standing, word: Word) {
    let own = Word {
        verdict: standing.verdict,
        reason: std::mem::take(&mut standing.reason),
        since: standing.since,
        home_percent: standing.home_percent,
    };
    standing.within &= word.verdict == Verdict::Healthy;
    let Word { verdict, reason, since, home_percent } = own.worse(word);
    (standing.verdict, standing.reason) = (verdict, reason);
    (standing.since, standing.home_percent) = (since, home_percent);
}

fn words(state: &RouteState, lasting: bool) -> String {
    state.breach.map(|breach| breach.words(lasting.then_some(state.held))).unwrap_or_default()
}

#[cfg(test)]
#[path = "exceptions_tests.rs"]
mod tests;
