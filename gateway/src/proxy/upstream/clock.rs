//! Time for `decide`: monotonic, and never near zero, which stands for "long ago".

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use spillway_decide::Time;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
const LONG_AGO: Duration = Duration::from_hours(24);

pub(crate) fn now() -> Time {
    at(Instant::now())
}

/// The same for an instant that is known: to read the clock costs, and a request needs the time often.
pub(crate) fn at(now: Instant) -> Time {
    Time(0) + LONG_AGO + now.saturating_duration_since(*BEGAN)
}
