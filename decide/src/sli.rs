//! Service level indicators: what a window of requests and probes shows.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sketches_ddsketch::{Config, DDSketch};

use crate::count::Count;
use crate::time::Time;

/// The relative error of the 95th percentile that people see. No decision rests on it: the latency criterion
/// counts the requests that passed the bound, exactly.
pub const P95_RELATIVE_ERROR: f64 = 0.01;

/// The figures of one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sli {
    /// Requests in the window.
    pub requests: u64,
    /// Percent of them that failed.
    pub error_percent: f64,
    /// Their 95th percentile, within one percent; at least the bound when more than 5 percent passed it.
    #[serde(rename = "latencyP95Milliseconds")]
    pub latency_p95_milliseconds: u64,
    /// Probes in the window.
    pub probes: u64,
    /// Percent of them that succeeded within the latency bound.
    pub availability_percent: f64,
    /// Those of the requests that other regions forwarded here; none while they forward nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<ForwardedSli>,
}

/// The figures of the requests of one window that other regions forwarded here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardedSli {
    /// How many.
    pub requests: u64,
    /// Percent of them that failed.
    pub error_percent: f64,
    /// Percent of them that passed the latency bound.
    pub slow_percent: f64,
}

impl ForwardedSli {
    /// None where nothing was forwarded.
    pub(crate) fn of([errors, slow]: [Count; 2]) -> Option<Self> {
        let figures = || Self {
            requests: errors.total,
            error_percent: 100.0 * errors.fraction(),
            slow_percent: 100.0 * slow.fraction(),
        };
        (errors.total > 0).then(figures)
    }
}

/// Latencies of a rolling window: one sketch a second, so memory does not grow with traffic.
#[derive(Clone)]
pub(crate) struct Latencies {
    seconds: u64,
    sketches: VecDeque<(u64, DDSketch)>,
    /// All but the newest second together, while these stay the same: the percentile is asked for ten times a
    /// second.
    older: Option<Older>,
}

#[derive(Clone)]
struct Older {
    from: u64,
    until: u64,
    sketch: DDSketch,
}

/// Enough for latencies from 0.1 ms to a day; each sketch grows only to the range it has seen.
const MAX_BINS: u32 = 1024;
/// What is faster counts as this.
const SMALLEST_MILLIS: f64 = 0.1;

impl Latencies {
    pub(crate) fn new(window: Duration) -> Self {
        Self { seconds: window.as_secs().max(1), sketches: VecDeque::new(), older: None }
    }

    pub(crate) fn add(&mut self, at: Time, latency: Duration) {
        let second = at.0 / 1000;
        let value = (latency.as_secs_f64() * 1000.0).max(SMALLEST_MILLIS);
        let newest = self.sketches.back().map(|(number, _)| *number);
        if let Some((_, sketch)) = self.sketches.iter_mut().rev().find(|(number, _)| *number == second) {
            sketch.add(value);
            if newest != Some(second) {
                self.older = None;
            }
        } else if self.sketches.back().is_none_or(|(number, _)| *number < second) {
            let mut sketch = DDSketch::new(config());
            sketch.add(value);
            self.sketches.push_back((second, sketch));
        }
        self.forget(at);
    }

    /// The 95th percentile in milliseconds.
    pub(crate) fn p95(&mut self, now: Time) -> Option<f64> {
        self.forget(now);
        let (from, until) = (self.sketches.front()?.0, self.sketches.back()?.0);
        let older = self.older.take().filter(|older| (older.from, older.until) == (from, until));
        let older = match older {
            Some(older) => older,
            None => Older { from, until, sketch: self.merged()? },
        };
        let mut all = older.sketch.clone();
        self.older = Some(older);
        all.merge(&self.sketches.back()?.1).ok()?;
        all.quantile(0.95).ok().flatten()
    }

    /// All seconds but the newest.
    fn merged(&self) -> Option<DDSketch> {
        let mut all = DDSketch::new(config());
        let count = self.sketches.len().saturating_sub(1);
        for (_, sketch) in self.sketches.iter().take(count) {
            all.merge(sketch).ok()?;
        }
        Some(all)
    }

    fn forget(&mut self, now: Time) {
        let oldest = (now.0 / 1000).saturating_sub(self.seconds);
        while self.sketches.front().is_some_and(|(second, _)| *second < oldest) {
            self.sketches.pop_front();
        }
    }
}

fn config() -> Config {
    Config::new(P95_RELATIVE_ERROR, MAX_BINS, SMALLEST_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_stated_error() {
        let mut latencies = Latencies::new(Duration::from_secs(10));
        for n in 1..=1000_u64 {
            latencies.add(Time(50_000 + n), Duration::from_millis(n * 3));
        }
        let p95 = latencies.p95(Time(51_000)).unwrap();
        assert!((p95 / 2850.0 - 1.0).abs() < 0.012, "{p95}");
    }

    /// What is remembered between two questions must not outlive what it was made of.
    #[test]
    fn answers_the_same_however_often_it_is_asked() {
        let (mut often, mut never) =
            (Latencies::new(Duration::from_secs(3)), Latencies::new(Duration::from_secs(3)));
        for n in 0..600_u64 {
            let (late, latency) = if n % 10 == 0 { (900, 5_000) } else { (0, n * n % 977) };
            let now = Time(50_000 + n * 20);
            for latencies in [&mut often, &mut never] {
                latencies.add(Time(now.0 - late), Duration::from_millis(latency));
            }
            assert_eq!(often.p95(now), never.clone().p95(now), "{now:?}");
        }
    }

    #[test]
    fn forgets() {
        let mut latencies = Latencies::new(Duration::from_secs(10));
        latencies.add(Time(1_000), Duration::from_millis(5));
        assert!(latencies.p95(Time(9_000)).is_some());
        assert_eq!(latencies.p95(Time(12_000)), None);
    }
}
