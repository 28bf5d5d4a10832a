//! Service level indicators: what a window of requests and probes shows.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sketches_ddsketch::{Config, DDSketch};

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
}

/// Latencies of a rolling window: one sketch a second, so memory does not grow with traffic.
#[derive(Clone)]
pub(crate) struct Latencies {
    seconds: u64,
    sketches: VecDeque<(u64, DDSketch)>,
}

/// Enough for latencies from 0.1 ms to a day; each sketch grows only to the range it has seen.
const MAX_BINS: u32 = 1024;
/// What is faster counts as this.
const SMALLEST_MILLIS: f64 = 0.1;

impl Latencies {
    pub(crate) fn new(window: Duration) -> Self {
        Self { seconds: window.as_secs().max(1), sketches: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, at: Time, latency: Duration) {
        let second = at.0 / 1000;
        let value = (latency.as_secs_f64() * 1000.0).max(SMALLEST_MILLIS);
        if let Some((_, sketch)) = self.sketches.iter_mut().rev().find(|(number, _)| *number == second) {
            sketch.add(value);
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
        let mut all = DDSketch::new(config());
        for (_, sketch) in &self.sketches {
            all.merge(sketch).ok()?;
        }
        all.quantile(0.95).ok().flatten()
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

    #[test]
    fn forgets() {
        let mut latencies = Latencies::new(Duration::from_secs(10));
        latencies.add(Time(1_000), Duration::from_millis(5));
        assert!(latencies.p95(Time(9_000)).is_some());
        assert_eq!(latencies.p95(Time(12_000)), None);
    }
}
