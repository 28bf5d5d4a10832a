//! Grants: how much spill a region accepts from each origin, for a few seconds.
//!
//! No one spills without one, so a region in trouble cannot drown its helper: the sum of a target's grants
//! stays within its headroom, and what exceeds an origin's grant is served at home.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::balance::limit::{Flow, RESERVE, TOLERANCE};
use crate::time::Time;
use crate::verdict::Verdict;

/// The ceiling, in requests a second, of a member that declares no capacity.
pub const DEFAULT_CEILING: u32 = 10_000;

/// A region that may spill here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Its name.
    pub region: &'a str,
    /// It spills, or soon may.
    pub asking: bool,
}

/// What one backend carries, and at most: as its adaptive limit measures it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Its last window.
    pub flow: Flow,
    /// How many requests it takes at a time; none while it was not full lately.
    pub limit: Option<f64>,
    /// Its lowest median latency, in milliseconds.
    pub lowest_millis: f64,
}

/// A window older than that says nothing about now.
const FRESH: Duration = Duration::from_secs(10);

/// Requests a second that the backends of a priority can take in by spill, what they take in now included; none
/// while none of them was found full lately.
///
/// More spill comes as the traffic that is there: the backend that is full first bounds it. What a backend can
/// do follows from its limit by Little's law, at the latency that it has when it is full.
#[must_use]
pub fn measured(now: Time, loads: &[Load]) -> Option<f64> {
    let fresh = || loads.iter().filter(|load| now.since(load.flow.at) <= FRESH && load.flow.rate() > 0.0);
    let total: f64 = fresh().map(|load| load.flow.rate()).sum();
    let spilled: f64 = fresh().map(|load| load.flow.spilled_rate).sum();
    let more = fresh().filter_map(|load| {
        let when_full = load.flow.median_millis.max(load.lowest_millis * TOLERANCE) / 1000.0;
        let capacity = load.limit? * (1.0 - RESERVE) / when_full;
        Some((capacity - load.flow.rate()).max(-spilled) * total / load.flow.rate())
    });
    more.min_by(f64::total_cmp).map(|more| (spilled + more).max(0.0))
}

/// The ceiling that a member keeps to: what it declares, or less if it can measurably do less.
#[must_use]
pub fn ceiling(declared: u32, local_rate: f64, measured: Option<f64>) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is at least 0"
    )]
    measured.map_or(declared, |spill| declared.min((local_rate + spill).floor() as u32))
}

/// What a region offers: its headroom in equal parts to the origins that ask, or to all if none does.
///
/// A Degraded region offers nothing. A Suspected or Recovering one still serves what is its own by priority,
/// and forwarded arrivals are that; whoever spills looks for a Healthy target himself.
#[must_use]
pub fn offer(ceiling: u32, local_rate: f64, own: Verdict, origins: &[Origin<'_>]) -> BTreeMap<String, u32> {
    let asking = origins.iter().filter(|origin| origin.asking).count();
    let headroom = if own == Verdict::Degraded { 0.0 } else { (f64::from(ceiling) - local_rate).max(0.0) };
    let parts = u32::try_from(if asking == 0 { origins.len() } else { asking }).unwrap_or(u32::MAX);
    let part = (headroom / f64::from(parts.max(1))).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the ceiling")]
    let part = part as u32;
    origins
        .iter()
        .map(|origin| (origin.region.to_owned(), if asking == 0 || origin.asking { part } else { 0 }))
        .collect()
}

/// Half a second of the grant may come at once: requests do not arrive evenly.
const BURST_SECONDS: f64 = 0.5;

/// Spends a grant request by request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Time,
    burst_seconds: f64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self::with_burst(BURST_SECONDS)
    }
}

impl Bucket {
    /// An empty bucket that holds what is granted in so many seconds.
    #[must_use]
    pub const fn with_burst(seconds: f64) -> Self {
        Self { rate: 0.0, tokens: 0.0, filled: Time(0), burst_seconds: seconds }
    }

    /// Sets the grant, in requests a second. A new bucket starts full.
    pub fn set(&mut self, now: Time, rate: u32) {
        let fresh = self.rate == 0.0;
        self.fill(now);
        self.rate = rate.into();
        self.tokens = if fresh { self.depth() } else { self.tokens.min(self.depth()) };
    }

    /// Takes one request off the grant, if there is one left.
    pub fn take(&mut self, now: Time) -> bool {
        self.fill(now);
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }

    fn fill(&mut self, now: Time) {
        self.tokens = (self.tokens + now.since(self.filled).as_secs_f64() * self.rate).min(self.depth());
        self.filled = self.filled.max(now);
    }

    fn depth(&self) -> f64 {
        if self.rate > 0.0 { (self.rate * self.burst_seconds).max(1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    proptest! {
        #[test]
        fn grants_stay_within_the_headroom(ceiling in 0_u32..20_000, rate in 0.0_f64..20_000.0, asking: [bool; 5]) {
            let origins: Vec<_> =
                NAMES.iter().zip(asking).map(|(region, asking)| Origin { region, asking }).collect();
            let sum: u32 = offer(ceiling, rate, Verdict::Healthy, &origins).values().sum();
            prop_assert!(f64::from(sum) <= (f64::from(ceiling) - rate).max(0.0));
        }

        #[test]
        fn a_bucket_never_gives_more_than_was_granted(rate in 1_u32..500, gaps in prop::collection::vec(0_u64..50, 1..500)) {
            let mut bucket = Bucket::default();
            let mut now = Time(1_000_000);
            bucket.set(now, rate);
            let (begin, mut taken) = (now, 0.0);
            for gap in gaps {
                now = Time(now.0 + gap);
                taken += if bucket.take(now) { 1.0 } else { 0.0 };
            }
            let granted = f64::from(rate) * now.since(begin).as_secs_f64();
            prop_assert!(taken <= granted + (f64::from(rate) * BURST_SECONDS).max(1.0) + 1e-6);
        }
    }

    #[test]
    fn who_asks_gets_all_of_it() {
        let origins = [Origin { region: "a", asking: true }, Origin { region: "b", asking: false }];
        let grants = offer(1000, 400.0, Verdict::Healthy, &origins);
        assert_eq!((grants["a"], grants["b"]), (600, 0));
        let idle = origins.map(|origin| Origin { asking: false, ..origin });
        assert_eq!(offer(1000, 400.0, Verdict::Healthy, &idle)["b"], 300);
    }

    fn load(own: f64, spilled: f64, median: f64, limit: Option<f64>) -> Load {
        let flow =
            Flow { at: Time(0), median_millis: median, own_rate: own, spilled_rate: spilled, peak: 0.0 };
        Load { flow, limit, lowest_millis: 20.0 }
    }

    /// 20 at a time, 40 ms each when full: 500 a second, less the reserve.
    #[test]
    fn headroom_is_what_is_measured() {
        let measured = |loads: &[Load]| measured(Time(1_000), loads).map(f64::round);
        for (what, loads, expected) in [
            ("nothing known", vec![], None),
            ("never full", vec![load(300.0, 0.0, 20.0, None)], None),
            ("room for 150", vec![load(300.0, 0.0, 25.0, Some(20.0))], Some(150.0)),
            ("of it 100 are there", vec![load(300.0, 100.0, 25.0, Some(20.0))], Some(150.0)),
            ("full", vec![load(450.0, 0.0, 40.0, Some(20.0))], Some(0.0)),
            ("too much of it spilled", vec![load(400.0, 100.0, 40.0, Some(20.0))], Some(50.0)),
            (
                "a second backend, never full",
                vec![load(300.0, 0.0, 25.0, Some(20.0)), load(300.0, 0.0, 25.0, None)],
                Some(300.0),
            ),
        ] {
            assert_eq!(measured(&loads), expected, "{what}");
        }
        let stale = super::measured(Time(11_000), &[load(450.0, 0.0, 40.0, Some(20.0))]);
        assert_eq!(stale, None, "eleven seconds ago");
    }

    #[test]
    fn what_is_declared_is_only_a_ceiling() {
        assert_eq!(ceiling(1000, 400.0, None), 1000);
        assert_eq!(ceiling(1000, 400.0, Some(150.0)), 550);
        assert_eq!(ceiling(1000, 400.0, Some(9000.0)), 1000);
    }

    #[test]
    fn the_degraded_offer_nothing() {
        let origins = [Origin { region: "a", asking: true }];
        assert_eq!(offer(1000, 0.0, Verdict::Degraded, &origins)["a"], 0);
    }

    #[test]
    fn no_grant_no_request() {
        let mut bucket = Bucket::default();
        assert!(!bucket.take(Time(99_000)));
        bucket.set(Time(99_000), 1);
        assert!(bucket.take(Time(99_000)));
        bucket.set(Time(99_000), 0);
        assert!(!bucket.take(Time(199_000)));
    }
}
