//! The gateway's clock for decisions: it starts at the wall clock's time and then only goes forward, whatever
//! is done to the wall clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use spillway_decide::Time;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    epoch: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), epoch: u64::try_from(since_epoch.as_millis()).unwrap_or_default() }
    }

    /// When it started, in milliseconds of its own time.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn now(&self) -> Time {
        Time(self.epoch) + self.began.elapsed()
    }
}
