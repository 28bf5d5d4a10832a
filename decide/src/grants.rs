//! Grants: how much spill a region accepts from each origin, for a few seconds.
//!
//! No one spills without one, so a region in trouble cannot drown its helper: the sum of a target's grants
//! stays within its headroom, and what exceeds an origin's grant is served at home.

use std::collections::BTreeMap;

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
