//! How much may be sent a second time, so that a backend that struggles is not hit twice as hard.

use crate::time::Time;

/// Every request earns a fifth of a retry.
const PER_REQUEST: f64 = 0.2;
/// And every second a whole one, so that a backend with little traffic may retry, too.
const PER_SECOND: f64 = 1.0;
/// More than that is not saved up. A new budget starts with it.
const MOST: f64 = 10.0;

/// The retries of one backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    saved: f64,
    at: Time,
}

impl Budget {
    /// A budget that begins now.
    #[must_use]
    pub const fn new(now: Time) -> Self {
        Self { saved: MOST, at: now }
    }

    /// A first attempt is made.
    pub fn earn(&mut self, now: Time) {
        self.pass(now, PER_REQUEST);
    }

    /// Whether a retry may be made; takes it off.
    pub fn spend(&mut self, now: Time) -> bool {
        self.pass(now, 0.0);
        let left = self.saved >= 1.0;
        if left {
            self.saved -= 1.0;
        }
        left
    }

    fn pass(&mut self, now: Time, earned: f64) {
        let seconds = now.since(self.at).as_secs_f64();
        self.saved = (self.saved + seconds * PER_SECOND + earned).min(MOST);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However requests come, and if every one of them asks for retries without end.
        #[test]
        fn retries_are_a_fifth_of_the_requests(gaps in prop::collection::vec(0_u64..200, 1..500)) {
            let begin = Time(5_000);
            let (mut now, mut budget, mut spent) = (begin, Budget::new(begin), 0.0);
            for gap in &gaps {
                now = Time(now.0 + gap);
                budget.earn(now);
                while budget.spend(now) {
                    spent += 1.0;
                }
            }
            let requests = f64::from(u32::try_from(gaps.len()).unwrap());
            let earned = requests * PER_REQUEST + now.since(begin).as_secs_f64() * PER_SECOND + MOST;
            prop_assert!(spent <= earned + 1e-6, "{spent} of {earned}");
            prop_assert!(spent + 1.0 >= (requests * PER_REQUEST).min(earned), "{spent} of {requests}");
        }
    }

    #[test]
    fn nothing_is_saved_up_without_end() {
        let mut budget = Budget::new(Time(0));
        (0..10_000).for_each(|_| budget.earn(Time(1_000)));
        assert_eq!((0..100).filter(|_| budget.spend(Time(1_000))).count(), 10);
        assert!(budget.spend(Time(2_000)), "a second later");
    }
}
