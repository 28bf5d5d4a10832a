//! The φ accrual failure detector at 8, on the answers to a probe of the full path each second.
//!
//! Source: N. Hayashibara, X. Défago, R. Yared, T. Katayama, "The φ Accrual Failure Detector", SRDS 2004, with the
//! parameters and the logistic approximation of the normal distribution that Akka's `PhiAccrualFailureDetector`
//! documents: threshold 8, 1000 intervals, at least 100 ms of standard deviation, an acceptable pause of 3 s, a
//! first estimate of one second with a quarter of it as deviation.

use std::collections::VecDeque;

use spillway_decide::Time;

use super::Lone;
use crate::stream::Seen;

const THRESHOLD: f64 = 8.0;
const MAX_INTERVALS: usize = 1000;
const MIN_DEVIATION_MILLIS: f64 = 100.0;
const ACCEPTABLE_PAUSE_MILLIS: f64 = 3000.0;
const FIRST_ESTIMATE_MILLIS: f64 = 1000.0;

/// One observer's suspicion of one region.
pub struct Accrual {
    intervals: VecDeque<f64>,
    sum: f64,
    squares: f64,
    last: Option<Time>,
}

impl Default for Accrual {
    fn default() -> Self {
        let mut accrual = Self { intervals: VecDeque::new(), sum: 0.0, squares: 0.0, last: None };
        let deviation = FIRST_ESTIMATE_MILLIS / 4.0;
        accrual.learn(FIRST_ESTIMATE_MILLIS - deviation);
        accrual.learn(FIRST_ESTIMATE_MILLIS + deviation);
        accrual
    }
}

impl Lone for Accrual {
    fn is_bad(&mut self, now: Time, seen: &Seen) -> bool {
        for beat in &seen.beats {
            self.heartbeat(*beat);
        }
        self.phi(now) > THRESHOLD
    }
}

impl Accrual {
    fn heartbeat(&mut self, at: Time) {
        // An answer that overtook an earlier one is no interval.
        if let Some(last) = self.last.filter(|last| *last <= at) {
            self.learn(millis(last, at));
        }
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }

    fn learn(&mut self, interval: f64) {
        if self.intervals.len() >= MAX_INTERVALS
            && let Some(oldest) = self.intervals.pop_front()
        {
            (self.sum, self.squares) = (self.sum - oldest, self.squares - oldest * oldest);
        }
        self.intervals.push_back(interval);
        (self.sum, self.squares) = (self.sum + interval, self.squares + interval * interval);
    }

    /// The suspicion: minus the logarithm of how likely so long a silence is.
    fn phi(&self, now: Time) -> f64 {
        let Some(last) = self.last else { return 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        let count = self.intervals.len() as f64;
        let mean = self.sum / count;
        let deviation = (self.squares / count - mean * mean).max(0.0).sqrt().max(MIN_DEVIATION_MILLIS);
        let silence = millis(last, now);
        let expected = mean + ACCEPTABLE_PAUSE_MILLIS;
        let y = (silence - expected) / deviation;
        let e = (-y * (1.597_6 + 0.070_566 * y * y)).exp();
        if silence > expected { -(e / (1.0 + e)).log10() } else { -(1.0 - 1.0 / (1.0 + e)).log10() }
    }
}

fn millis(from: Time, to: Time) -> f64 {
    to.since(from).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspicion_grows_with_silence() {
        let mut accrual = Accrual::default();
        for second in 0..100 {
            accrual.heartbeat(Time(second * 1000));
        }
        assert!(accrual.phi(Time(100_000)) < 0.1);
        assert!(accrual.phi(Time(103_000)) < 1.0, "within the acceptable pause");
        assert!((accrual.phi(Time(103_000)) - 0.3).abs() < 0.05, "half: {}", accrual.phi(Time(103_000)));
        assert!(accrual.phi(Time(104_000)) > 8.0);
    }

    #[test]
    fn irregular_beats_make_it_patient() {
        let (mut even, mut odd) = (Accrual::default(), Accrual::default());
        for second in 0..100 {
            even.heartbeat(Time(second * 2000));
            odd.heartbeat(Time(second * 2000 + (second % 2) * 1500));
        }
        assert!(odd.phi(Time(205_000)) < even.phi(Time(205_000)));
    }
}
