//! Time for `decide`: monotonic, and never near zero, which stands for "long ago".

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use spillway_decide::Time;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
const LONG_AGO: Duration = Duration::from_hours(24);

pub(crate) fn now() -> Time {
    Time(0) + LONG_AGO + BEGAN.elapsed()
}
