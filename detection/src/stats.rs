//! Bounds of what was counted. All are one-sided at 95 %.

use statrs::distribution::{Beta, ChiSquared, ContinuousCDF};

const CONFIDENCE: f64 = 0.95;

/// The lower bound of a part of which `hits` of `tries` were seen (Clopper and Pearson 1934).
#[must_use]
pub fn part_at_least(hits: u64, tries: u64) -> f64 {
    if hits == 0 {
        return 0.0;
    }
    Beta::new(float(hits), float(tries - hits) + 1.0).map_or(0.0, |beta| beta.inverse_cdf(1.0 - CONFIDENCE))
}

/// The upper bound of it.
#[must_use]
pub fn part_at_most(hits: u64, tries: u64) -> f64 {
    if hits >= tries {
        return 1.0;
    }
    Beta::new(float(hits) + 1.0, float(tries - hits)).map_or(1.0, |beta| beta.inverse_cdf(CONFIDENCE))
}

/// The upper bound of a rate of which `events` were seen in `exposure` (Garwood 1936): 3.0 for none in one.
#[must_use]
pub fn rate_at_most(events: u64, exposure: f64) -> f64 {
    let most = ChiSquared::new(2.0 * (float(events) + 1.0))
        .map_or(f64::INFINITY, |chi_squared| chi_squared.inverse_cdf(CONFIDENCE) / 2.0);
    most / exposure
}

/// The value below which this part of them lies (nearest rank); none of none.
#[must_use]
pub fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    let rank = (part * float(sorted.len() as u64)).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// A count to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, known: f64) {
        assert!((found - known).abs() < 0.000_05, "{found} and not {known}");
    }

    /// Known values: the closed forms `0.05^(1/n)` and `1 - 0.05^(1/n)`, and the rule of three.
    #[test]
    fn bounds_of_parts() {
        near(part_at_least(100, 100), 0.05_f64.powf(0.01));
        near(part_at_most(0, 100), 1.0 - 0.05_f64.powf(0.01));
        // From tables of binomial limits (5 % in one tail).
        near(part_at_least(8, 10), 0.4931);
        near(part_at_most(1, 10), 0.3942);
        near(part_at_least(0, 10), 0.0);
        near(part_at_most(10, 10), 1.0);
    }

    /// From tables of Poisson limits (5 % in one tail).
    #[test]
    fn bounds_of_rates() {
        near(rate_at_most(0, 1.0), 2.9957);
        near(rate_at_most(1, 1.0), 4.7439);
        near(rate_at_most(10, 2.0), 16.9622 / 2.0);
    }

    #[test]
    fn percentiles() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), Some(50.0));
        assert_eq!(percentile(&values, 0.99), Some(99.0));
        assert_eq!(percentile(&values[..1], 0.99), Some(1.0));
        assert_eq!(percentile(&[], 0.99), None);
    }
}
