//! A fixed threshold: an alarm when each of three consecutive windows of 10 s breaks a bound.
//!
//! This is what an alarm of a monitoring service does ("3 out of 3 datapoints", period 10 s: Amazon `CloudWatch`,
//! "Evaluating an alarm"), with the same bounds and the same hold as the product. Windows tumble; a request
//! counts in the window in which it ends; fewer than 20 are missing data, and not breaching.

use spillway_decide::{Health, Time};

use super::Lone;
use crate::stream::{Sample, Seen};

const PERIOD_MILLIS: u64 = 10_000;
const DATAPOINTS: u32 = 3;
const SLOW_PART: f64 = 0.05;

/// The alarm of one region.
#[derive(Default)]
pub struct Alarm {
    health: Health,
    requests: u32,
    failed: u32,
    slow: u32,
    breaching: u32,
}

impl Lone for Alarm {
    fn is_bad(&mut self, now: Time, seen: &Seen) -> bool {
        for sample in &seen.samples {
            match sample {
                Sample::Ended { latency, failed, .. } => {
                    self.count(*failed, *latency > self.health.latency_bound());
                }
                Sample::Lost => self.count(true, true),
                Sample::Overdue { .. } => {}
            }
        }
        if now.0.is_multiple_of(PERIOD_MILLIS) {
            self.breaching = if self.is_breached() { self.breaching + 1 } else { 0 };
            (self.requests, self.failed, self.slow) = (0, 0, 0);
        }
        self.breaching >= DATAPOINTS
    }
}

impl Alarm {
    fn count(&mut self, failed: bool, slow: bool) {
        self.requests += 1;
        self.failed += u32::from(failed);
        self.slow += u32::from(slow);
    }

    /// Errors above their bound, or a 95th percentile above its own: more than one in twenty are slow.
    fn is_breached(&self) -> bool {
        let above = |count: u32, part: f64| f64::from(count) > part * f64::from(self.requests);
        self.requests >= self.health.min_requests
            && (above(self.failed, self.health.max_error_percent / 100.0) || above(self.slow, SLOW_PART))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A hundred requests a second; says when it becomes bad, in tenths of a second.
    fn alarm(failing: impl Fn(u64) -> bool, latency: impl Fn(u64) -> u64) -> Option<u64> {
        let mut alarm = Alarm::default();
        (1..=600).find(|tick| {
            let sample = |_| Sample::Ended {
                at: Time(tick * 100),
                latency: Duration::from_millis(latency(*tick)),
                failed: failing(*tick),
                overdue: false,
            };
            let seen = Seen { samples: (0..10).map(sample).collect(), ..Seen::default() };
            alarm.is_bad(Time(tick * 100), &seen)
        })
    }

    #[test]
    fn three_breaching_periods_in_a_row() {
        assert_eq!(alarm(|_| true, |_| 20), Some(300));
        assert_eq!(alarm(|_| false, |_| 1600), Some(300));
        assert_eq!(alarm(|tick| tick % 300 > 100, |_| 20), None, "two of three");
        assert_eq!(alarm(|tick| tick % 25 == 0, |_| 20), None, "four percent");
    }
}
