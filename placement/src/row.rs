//! One row: one object on one member.

use std::{fmt, num::NonZeroU128};

use serde::Serialize;

/// A hash of what an object says, short enough to keep three of in a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(NonZeroU128);

impl Fingerprint {
    /// The fingerprint with these bits. Zero stands for "nothing" in a row and is moved aside.
    #[must_use]
    pub fn new(bits: u128) -> Self {
        Self(NonZeroU128::new(bits).unwrap_or(NonZeroU128::MAX))
    }

    /// The bits.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.0.get()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is known of one object on one member. A row that says nothing is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Row {
    /// What the hub wants there.
    pub desired: Option<Fingerprint>,
    /// What was last written there with success.
    pub applied: Option<Fingerprint>,
    /// What the member's watch shows there.
    pub observed: Option<Fingerprint>,
    /// When the row last changed its state, in milliseconds since 1970; the caller's clock.
    pub since: u64,
    /// How often writing it failed since it last succeeded.
    pub tries: u32,
}

impl Row {
    /// Where the row stands. It follows from the facts, so that it cannot disagree with them.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.desired, self.observed) {
            (None, _) => State::Leaving,
            (Some(desired), Some(observed)) if desired == observed => State::InStep,
            _ if self.tries > 0 => State::Failing,
            (Some(desired), _) if self.applied == Some(desired) => State::Drifted,
            _ => State::Pending,
        }
    }

    /// Whether there is nothing to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.desired.is_none() && self.applied.is_none() && self.observed.is_none()
    }
}

/// Where a row stands.
///
/// | desired | observed | tries | applied | state |
/// |---|---|---|---|---|
/// | none | any | any | any | `Leaving` |
/// | D | D | any | any | `InStep` |
/// | D | not D | > 0 | any | `Failing` |
/// | D | not D | 0 | D | `Drifted` (or the watch has not shown it yet) |
/// | D | not D | 0 | not D | `Pending` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum State {
    /// What is wanted is seen.
    InStep,
    /// Wanted, and not written yet.
    Pending,
    /// Written, and the member shows something else.
    Drifted,
    /// Wanted, and writing it fails.
    Failing,
    /// No longer wanted, and not gone yet.
    Leaving,
}

impl State {
    /// Every state, in the order of [`Counts`].
    pub const ALL: [Self; 5] = [Self::InStep, Self::Pending, Self::Drifted, Self::Failing, Self::Leaving];
}

/// How many rows are in each state; kept as rows change, never counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([usize; 5]);

impl Counts {
    /// Rows in `state`.
    #[must_use]
    pub fn of(&self, state: State) -> usize {
        self.0[state as usize]
    }

    /// All rows.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Counts by what is said of each state.
    pub(crate) fn of_each(count: impl Fn(State) -> u64) -> Self {
        Self(State::ALL.map(|state| usize::try_from(count(state)).unwrap_or(usize::MAX)))
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}
