//! Requests that other regions forward here, told apart from our own arrivals.
//!
//! Both are served by the same backends, so both are evidence of how these are. But the way of a forwarded request is
//! longer: an upload over a bad link is slow here through no fault of ours. So where our own arrivals are enough to tell
//! that the backends are well, what is wrong with the forwarded ones alone is a doubt and no verdict.

use std::time::Duration;

use crate::count::Count;
use crate::time::Time;
use crate::track::{Reading, Track};

/// So many requests of our own arrivals, and such a part of all, tell how the backends are.
const OWN_TELL: u64 = 20;
const OWN_TELL_PERCENT: u64 = 30;
/// So many bad ones are no chance.
const SOME: u64 = 3;

/// Counts of one window. Where nothing is forwarded, nothing is kept.
#[derive(Clone, Debug)]
pub(crate) struct Forwarded {
    errors: Track,
    slow: Track,
}

impl Forwarded {
    pub(crate) fn new(now: Time, window: Duration, grain: Duration, bound: Duration) -> Self {
        let track = || Track::new(now, window, grain).only_counts();
        let mut forwarded = Self { errors: track(), slow: track() };
        forwarded.rebound(bound);
        forwarded
    }

    /// Takes another latency bound.
    pub(crate) fn rebound(&mut self, bound: Duration) {
        self.slow.ripe_after(bound);
    }

    /// A request that began at `start`.
    pub(crate) fn add(&mut self, start: Time, failed: bool, slow: bool) {
        self.errors.add(start, 1, failed.into());
        self.slow.add(start, 1, slow.into());
    }

    /// How many failed and how many were slow, of how many.
    pub(crate) fn counts(&mut self, now: Time) -> [Count; 2] {
        [&mut self.errors, &mut self.slow].map(|track| {
            let (total, bad) = track.window(now);
            Count { total: total.into(), bad: bad.into() }
        })
    }
}

/// Whether every bound that is broken, of all requests, is broken by the forwarded ones alone. `most` is what may be bad
/// of each criterion.
pub(crate) fn are_to_blame(all: [&Reading; 2], forwarded: [Count; 2], most: [f64; 2]) -> bool {
    let mut broken =
        all.iter().zip(forwarded).zip(most).filter(|((all, _), _)| all.span.is_some()).peekable();
    broken.peek().is_some()
        && broken.all(|((all, forwarded), most)| {
            let (total, bad) = (u64::from(all.total), u64::from(all.bad));
            let own = Count {
                total: total.saturating_sub(forwarded.total),
                bad: bad.saturating_sub(forwarded.bad),
            };
            let own_tell = own.total >= OWN_TELL && 100 * own.total >= OWN_TELL_PERCENT * total;
            forwarded.bad >= SOME && own_tell && (own.bad < SOME || !own.is_out(most, 1))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::Span;

    const SPAN: Span = Span { onset: Time(0), latest: Time(1) };

    /// Errors, in a window with so many requests of our own and so many forwarded, of each so many bad.
    fn blamed((own, own_bad): (u32, u32), (forwarded, bad): (u64, u64)) -> bool {
        let total = own + u32::try_from(forwarded).unwrap();
        let errors = Reading { total, bad: own_bad + u32::try_from(bad).unwrap(), span: Some(SPAN) };
        let within = Reading { total, ..Reading::default() };
        let of = |bad| Count { total: forwarded, bad };
        are_to_blame([&errors, &within], [of(bad), of(0)], [0.05, 0.05])
    }

    #[test]
    fn our_own_arrivals_tell_where_there_are_enough_of_them() {
        for (own, forwarded, expected, why) in [
            ((500, 0), (500, 200), true, "ours are well"),
            ((500, 20), (500, 200), true, "ours are within their bound"),
            ((500, 100), (500, 100), false, "so are ours"),
            ((1000, 100), (0, 0), false, "nothing is forwarded"),
            ((19, 0), (20, 20), false, "too few of ours"),
            ((100, 0), (900, 200), false, "too small a part of ours"),
            ((22, 2), (3, 1), false, "one of theirs is chance"),
            ((22, 2), (10, 5), true, "two of ours are chance"),
        ] {
            assert_eq!(blamed(own, forwarded), expected, "{why}: {own:?} {forwarded:?}");
        }
    }

    #[test]
    fn nothing_is_to_blame_where_nothing_is_wrong_and_both_criteria_count() {
        let (within, out) = (
            Reading { total: 1000, ..Reading::default() },
            Reading { total: 1000, bad: 200, span: Some(SPAN) },
        );
        let (bad, well) = (Count { total: 500, bad: 200 }, Count { total: 500, bad: 0 });
        for (all, forwarded, expected) in [
            ([&within, &within], [bad, bad], false),
            ([&within, &out], [well, bad], true),
            ([&out, &out], [bad, bad], true),
            ([&out, &out], [well, bad], false),
        ] {
            assert_eq!(are_to_blame(all, forwarded, [0.05, 0.05]), expected, "{all:?} {forwarded:?}");
        }
    }
}
