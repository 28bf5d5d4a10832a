//! How many requests may be sent a second time, so that a struggling region is not hit twice as hard.

use std::sync::atomic::{AtomicU32, Ordering};

/// Every request earns a tenth of a retry, up to [`FULL`].
const EARNED: u32 = 1;
const COST: u32 = 10;
const FULL: u32 = 1000;

/// A bucket of retries, in tenths.
pub(super) struct RetryBudget {
    tenths: AtomicU32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tenths: AtomicU32::new(FULL) }
    }
}

impl RetryBudget {
    /// A first attempt was made.
    pub(super) fn earn(&self) {
        self.change(|tenths| Some((tenths + EARNED).min(FULL)));
    }

    /// Whether a retry may be made; takes it off the budget.
    pub(super) fn spend(&self) -> bool {
        self.change(|tenths| tenths.checked_sub(COST))
    }

    fn change(&self, change: impl FnMut(u32) -> Option<u32>) -> bool {
        self.tenths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_end_and_are_earned_again() {
        let budget = RetryBudget::default();
        let granted = (0..1000).filter(|_| budget.spend()).count();
        assert_eq!(granted, 100);
        (0..9).for_each(|_| budget.earn());
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
    }
}
