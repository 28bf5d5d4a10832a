//! Samples of a window, and the bad ones among them.

use crate::track::Reading;

/// The part of requests that may pass the latency bound: P95.
pub(crate) const SLOW_FRACTION: f64 = 0.05;
/// Requests in the window, by criterion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many failed.
    pub errors: Count,
    /// How many passed the latency bound, among those that had the time to.
    pub slow: Count,
}

/// Samples, and the bad ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub total: u64,
    /// The bad ones.
    pub bad: u64,
}

impl Count {
    /// Whether more than `fraction` of at least `min_total` are bad.
    #[must_use]
    pub fn is_out(self, fraction: f64, min_total: u32) -> bool {
        self.total >= u64::from(min_total.max(1)) && self.fraction() > fraction
    }

    /// The bad part; nothing is bad among none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "samples of a window, far below 2^52")]
    pub fn fraction(self) -> f64 {
        self.bad as f64 / self.total.max(1) as f64
    }
}

impl From<Reading> for Count {
    fn from(reading: Reading) -> Self {
        Self { total: reading.total.into(), bad: reading.bad.into() }
    }
}
