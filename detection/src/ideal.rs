//! What the counts allow at all: the power of the best test there is, so that nobody looks for more.
//!
//! Near the bound a fault and a stretch that is none differ by a few requests. Who knew beforehand when a fault would begin, how
//! long it would last, and that it would be either 1.1 or 0.9 times the bound, could do no better than count its bad requests
//! and compare (Neyman and Pearson 1933). A detector knows none of this.

use statrs::distribution::{ContinuousCDF, Normal};

/// The part of requests that may be bad.
const BOUND: f64 = 0.05;
/// The target: so many of the stretches that are no fault may move traffic.
pub const MAY_BE_FALSE: f64 = 0.007;

/// The part of faults at `above` times the bound that the best test catches, which takes a stretch at `below` times the bound
/// for a fault in [`MAY_BE_FALSE`] of all cases. Counts are taken for normal.
#[must_use]
pub fn power(requests: f64, above: f64, below: f64) -> f64 {
    let Ok(normal) = Normal::new(0.0, 1.0) else { return 0.0 };
    let deviation = |part: f64| (requests * part * (1.0 - part)).sqrt();
    let (fault, none) = (above * BOUND, below * BOUND);
    let threshold = requests * none + normal.inverse_cdf(1.0 - MAY_BE_FALSE) * deviation(none);
    normal.cdf((requests * fault - threshold) / deviation(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 a second for 31 s: 139.5 expected, 170.5 in a fault; deviations 11.5 and 12.7, threshold 167.8.
    #[test]
    fn is_the_power_of_a_count() {
        let found = power(3100.0, 1.1, 0.9);
        assert!((found - 0.585).abs() < 0.005, "{found}");
        assert!(power(60.0, 1.1, 0.9) < 0.05 && power(100_000.0, 1.1, 0.9) > 0.999);
    }

    #[test]
    fn what_is_no_fault_is_taken_for_one_as_often_as_it_may() {
        assert!((power(3100.0, 0.9, 0.9) - MAY_BE_FALSE).abs() < 1e-6);
    }
}
