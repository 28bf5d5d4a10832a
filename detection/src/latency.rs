//! Latencies as they are in the field: log-normal, told by their 95th percentile.

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use statrs::distribution::{ContinuousCDF, Normal};

/// The 95th percentile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_2;

/// A log-normal distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Its 95th percentile.
    pub p95_millis: f64,
    /// Standard deviation of the logarithm: 0.6 is usual for a web service, 0.05 is nearly constant.
    pub spread: f64,
}

impl Latency {
    /// Draws one, in milliseconds.
    #[must_use]
    pub fn draw(&self, dice: &mut Pcg64Mcg) -> f64 {
        let normal: f64 = StandardNormal.sample(dice);
        self.p95_millis * ((normal - Z95) * self.spread).exp()
    }

    /// The part of requests that takes longer than `millis`.
    #[must_use]
    pub fn above(&self, millis: f64) -> f64 {
        if millis <= 0.0 {
            return 1.0;
        }
        let deviations = (millis / self.p95_millis).ln() / self.spread + Z95;
        Normal::standard().sf(deviations)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn draws_what_it_says() {
        let latency = Latency { p95_millis: 1500.0, spread: 0.6 };
        assert!((latency.above(1500.0) - 0.05).abs() < 1e-9);
        let mut dice = Pcg64Mcg::seed_from_u64(7);
        let above = (0..100_000).filter(|_| latency.draw(&mut dice) > 1000.0).count();
        let expected = latency.above(1000.0) * 100_000.0;
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let apart = (above as f64 - expected).abs();
        assert!(apart < 500.0, "{above} and not {expected}");
    }
}
