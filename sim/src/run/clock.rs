//! A gateway's own clock: it starts somewhere and runs at its own speed, but never back.

use spillway_decide::Time;

use crate::world::{Millis, Region};

/// A moment of 2026 that all clocks are near.
const EPOCH: i64 = 1_790_000_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    begins: i64,
    drift: i64,
}

impl Clock {
    pub(super) const fn of(region: &Region) -> Self {
        Self { begins: EPOCH + region.clock_ahead, drift: region.clock_drift }
    }

    /// What it shows at a moment.
    pub(super) fn at(&self, now: Millis) -> Time {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let shown = self.begins + now + now * self.drift / 1_000_000;
        Time(u64::try_from(shown).unwrap_or(0))
    }
}
