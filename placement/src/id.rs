//! What the map calls objects and members by: small, and never mistaken for a successor.

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

/// Every life of every object and member of this process has its own number, so that an id that outlives its
/// object is refused instead of meaning the next one in the same place.
static BIRTHS: AtomicU32 = AtomicU32::new(1);

/// The number of a life. Zero is nobody's.
pub(crate) fn birth() -> u32 {
    loop {
        let birth = BIRTHS.fetch_add(1, Ordering::Relaxed);
        if birth != 0 {
            return birth;
        }
    }
}

/// An object that the map knows. With a [`MemberId`] it is the key of a row, in 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    pub(crate) index: u32,
    pub(crate) birth: u32,
}

/// A member that the map knows, for as long as it stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    pub(crate) index: u32,
    pub(crate) birth: u32,
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {}.{}", self.index, self.birth)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}.{}", self.index, self.birth)
    }
}
