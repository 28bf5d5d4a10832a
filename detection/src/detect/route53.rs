//! A quorum of 18 %: a region is well as long as more than 18 % of checkers all over the world say so.
//!
//! Source: Amazon Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy": a
//! checker changes its mind after three consecutive answers (the default failure threshold), each must come within
//! two seconds of the connection; "if 18% of health checkers or fewer report that an endpoint is healthy, Route 53
//! considers it unhealthy". Here 16 checkers ask every 10 s (the fast interval), not in step.

use spillway_decide::Time;

use super::Lone;
use crate::stream::{CHECKERS, Seen};

const HEALTHY_PART: f64 = 0.18;
const FAILURE_THRESHOLD: u32 = 3;

/// The checkers of one region.
#[derive(Default)]
pub struct HealthCheck {
    checkers: [Checker; CHECKERS],
}

#[derive(Default)]
struct Checker {
    unhealthy: bool,
    /// Consecutive answers that say otherwise.
    otherwise: u32,
}

impl Lone for HealthCheck {
    fn is_bad(&mut self, _now: Time, seen: &Seen) -> bool {
        for (checker, ok) in &seen.checks {
            self.checkers[*checker].take(*ok);
        }
        let healthy = self.checkers.iter().filter(|checker| !checker.unhealthy).count();
        #[expect(clippy::cast_precision_loss, reason = "16 checkers")]
        let part = healthy as f64 / CHECKERS as f64;
        part <= HEALTHY_PART
    }
}

impl Checker {
    const fn take(&mut self, ok: bool) {
        self.otherwise = if ok == self.unhealthy { self.otherwise + 1 } else { 0 };
        if self.otherwise >= FAILURE_THRESHOLD {
            (self.unhealthy, self.otherwise) = (!self.unhealthy, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(health_check: &mut HealthCheck, rounds: usize, failing: usize) -> bool {
        let mut bad = false;
        for _ in 0..rounds {
            let checks = (0..CHECKERS).map(|checker| (checker, checker >= failing)).collect();
            bad = health_check.is_bad(Time(0), &Seen { checks, ..Seen::default() });
        }
        bad
    }

    #[test]
    fn three_failures_of_more_than_82_percent_of_checkers() {
        assert!(!asked(&mut HealthCheck::default(), 2, 16), "two in a row");
        assert!(!asked(&mut HealthCheck::default(), 30, 13), "3 of 16 say healthy: 18.75 %");
        assert!(asked(&mut HealthCheck::default(), 3, 14), "2 of 16: 12.5 %");
    }

    #[test]
    fn three_answers_bring_it_back() {
        let mut health_check = HealthCheck::default();
        assert!(asked(&mut health_check, 3, 16));
        assert!(asked(&mut health_check, 2, 0));
        assert!(!asked(&mut health_check, 1, 0));
    }
}
