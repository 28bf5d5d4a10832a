//! What the routes of a region show at one moment: which are out of bounds, and whether that is their own
//! trouble or the region's.
//!
//! A region is bad when at least half of its routes, carrying at least 30 % of its requests, are; else they are
//! the exception and are judged on their own. Requests of routes with too few of them to be judged stay the
//! region's: what no route explains is the region's trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::assessment::{Assessment, Breach};
use crate::count::{Count, SLOW_FRACTION};
use crate::priority::Health;
use crate::time::Time;

/// The routes of a priority that people ask this region for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    /// How many there are.
    pub routes: u64,
    /// Their requests in the window.
    pub requests: u64,
    /// Those in trouble, and those that were to be watched, by id.
    pub notable: BTreeMap<String, RouteState>,
    /// The others together stay within their bounds.
    rest_within: bool,
    /// The first to be out of bounds has been so for long enough that others would be, too.
    settled: bool,
}

/// So many routes have a way of their own.
pub(crate) const MAX_COURSES: usize = 256;
/// A fault of a whole region shows in all its routes within so much of the first.
const SETTLED: Duration = Duration::from_secs(5);

/// Requests of the other routes, which must be well for a few bad ones to be the exception.
const ENOUGH: u64 = 5;

/// One route at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteState {
    /// Which bound is broken.
    pub breach: Option<Breach>,
    /// How long the bad evidence of this run holds.
    pub held: Duration,
    /// When the latest bad evidence was seen.
    pub quiet_since: Time,
    /// Only what other regions forward is bad.
    pub forwarded_only: bool,
    /// Nothing in its window was answered at all.
    pub outage: bool,
    /// Requests in its window.
    pub requests: u64,
}

impl Census {
    /// Counts what the routes' windows say; `watched` are told of even when they are well, and `idle` is how many
    /// more have been asked for, but not lately.
    pub fn take<'a>(
        health: &Health,
        routes: impl IntoIterator<Item = (&'a str, Assessment)>,
        watched: &BTreeSet<String>,
        idle: u64,
    ) -> Self {
        let mut census = Self { routes: idle, ..Self::default() };
        let (mut errors, mut slow) = (Count::default(), Count::default());
        for (route, assessment) in routes {
            let requests = assessment.counts.errors.total;
            census.routes += 1;
            census.requests += requests;
            if assessment.breach.is_none() {
                add(&mut errors, assessment.counts.errors);
                add(&mut slow, assessment.counts.slow);
            }
            if assessment.breach.is_some() || watched.contains(route) {
                census.notable.insert(route.to_owned(), RouteState::of(&assessment));
            }
        }
        let most = health.max_error_percent / 100.0;
        let settled = census.troubled().any(|(_, state)| state.held >= SETTLED);
        census.settled = settled;
        // Few are enough to see that they are well, and one bad one among few that they may not be.
        census.rest_within =
            errors.total >= ENOUGH && !errors.is_out(most, 1) && !slow.is_out(SLOW_FRACTION, 1);
        census
    }

    /// Those that are out of bounds now.
    pub fn troubled(&self) -> impl Iterator<Item = (&String, &RouteState)> {
        self.notable.iter().filter(|(_, state)| state.breach.is_some())
    }

    /// Whether those out of bounds now are too few to be the region.
    #[must_use]
    pub fn is_minority(&self) -> bool {
        let (mut routes, mut requests) = (0, 0);
        for (_, state) in self.troubled() {
            routes += 1;
            requests += state.requests;
        }
        !is_region(Part { of: self.routes, bad: routes }, Part { of: self.requests, bad: requests })
    }

    /// Whether they explain it, and have for so long that it is no more than theirs.
    #[must_use]
    pub fn acquits(&self) -> bool {
        self.settled && self.excuses()
    }

    /// Whether a few routes explain what is wrong with the requests of the region, if anything is. More than have a
    /// way of their own are no excuse: those that are left over would never leave.
    #[must_use]
    pub fn excuses(&self) -> bool {
        let few = (1..=MAX_COURSES).contains(&self.troubled().count());
        few && self.rest_within && self.is_minority()
    }
}

impl RouteState {
    /// Whether it is known whose trouble this is, and no more: there are too few requests to move it. A probe
    /// needs none.
    pub(crate) fn breach_is_small(&self, health: &Health) -> bool {
        let of_probes = matches!(self.breach, Some(Breach::Availability { .. }));
        !of_probes && self.requests < u64::from(health.min_requests)
    }

    fn of(assessment: &Assessment) -> Self {
        Self {
            breach: assessment.breach,
            held: assessment.held,
            quiet_since: assessment.quiet_since,
            forwarded_only: assessment.forwarded_only,
            outage: assessment.outage,
            requests: assessment.counts.errors.total,
        }
    }
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    pub(crate) of: u64,
    pub(crate) bad: u64,
}

/// Whether bad routes are the region: at least half of them, with at least 30 % of the requests.
pub(crate) const fn is_region(routes: Part, requests: Part) -> bool {
    2 * routes.bad >= routes.of && 10 * requests.bad >= 3 * requests.of && requests.bad > 0
}

fn add(sum: &mut Count, count: Count) {
    sum.total += count.total;
    sum.bad += count.bad;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::Counts;

    /// A route with so many requests, so many of them failed; out of bounds if `breaks`.
    fn route(total: u64, bad: u64, breaks: bool) -> Assessment {
        let errors = Count { total, bad };
        let breach = breaks.then_some(Breach::Errors { percent: 50.0, bound: 5.0, rate: 1.0 });
        let counts = Counts { errors, slow: Count { total, bad: 0 } };
        Assessment { breach, counts, ..Assessment::default() }
    }

    fn census(routes: &[Assessment]) -> Census {
        let names: Vec<String> = (0..routes.len()).map(|nth| format!("route-{nth}")).collect();
        let routes = names.iter().map(String::as_str).zip(routes.iter().cloned());
        Census::take(&Health::default(), routes, &BTreeSet::new(), 0)
    }

    #[test]
    fn half_of_the_routes_with_thirty_percent_of_the_requests_are_the_region() {
        let (well, bad) = (|total| route(total, 0, false), |total| route(total, total, true));
        for (routes, region) in [
            (vec![bad(100)], true),
            (vec![bad(30), well(70)], true),
            (vec![bad(29), well(71)], false),
            (vec![bad(900), well(50), well(50)], false),
            (vec![bad(20), bad(20), well(50), well(10)], true),
        ] {
            let census = census(&routes);
            assert_eq!(!census.is_minority(), region, "{census:?}");
            assert_eq!(!census.excuses(), region, "{census:?}");
        }
    }

    #[test]
    fn more_than_can_move_by_themselves_are_no_excuse() {
        let census = |bad: usize| {
            let bad = vec![route(10, 10, true); bad];
            let well = vec![route(100, 0, false); 10 * MAX_COURSES];
            census(&[bad, well].concat())
        };
        assert!(census(MAX_COURSES).excuses());
        assert!(!census(MAX_COURSES + 1).excuses());
    }

    #[test]
    fn what_no_route_explains_is_no_excuse() {
        let few = route(15, 15, false);
        assert!(!census(&[few.clone(), few.clone(), route(15, 0, false)]).excuses(), "nobody is to blame");
        let bad = route(100, 100, true);
        assert!(!census(&[bad.clone(), few.clone(), few, route(100, 0, false)]).excuses(), "there is more");
        assert!(census(&[bad, route(15, 0, false), route(100, 2, false)]).excuses());
    }

    #[test]
    fn others_must_be_seen_to_be_well() {
        let bad = route(100, 100, true);
        let idle = route(0, 0, false);
        assert!(!census(&[bad.clone(), idle.clone(), idle.clone()]).excuses(), "nobody else was asked for");
        assert!(census(&[bad, route(5, 0, false), idle]).excuses());
    }
}
