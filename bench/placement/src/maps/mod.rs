//! The maps behind one small interface, generic, so that the compiler sees through it in the timed loops.
//!
//! Rivals get a key of 16 bytes, `(object, member)` as two `u64`, and the very [`Row`] of 64 bytes that ours keeps.
//! Each has its own default hasher, with a fixed seed in place of one that differs in each process: only then do
//! several runs do the same, operation by operation, and the fastest run of an operation hides no growth.
//!
//! Two traps in reading their figures:
//!
//! - std's and hashbrown's tables grow when their capacity (7/8 of the buckets, a power of two) is reached, so that
//!   memory and cost a row depend on where the size lies between two powers. 1 M, 4 M and 10 M rows fill 48 %, 48 %
//!   and 60 % of the buckets that they end with.
//! - A table that holds tombstones may rehash in place instead of growing. Nothing is removed here, so that every
//!   stall of theirs is growth.
//!
//! Ours keeps the names of objects as well, and interning a name is inside its timed insert of an object's first
//! row. Rivals keep no names.

pub(crate) mod btree;
pub(crate) mod dash;
pub(crate) mod griddle;
pub(crate) mod hashbrown;
pub(crate) mod papaya;
pub(crate) mod scc;
pub(crate) mod spillway;
pub(crate) mod standard;

use ::std::hash::{BuildHasherDefault, DefaultHasher};

use spillway_placement::{Error, ObjectId, Row};

/// The default hasher of std, and of the maps that take it from there.
pub(crate) type Sip = BuildHasherDefault<DefaultHasher>;

/// The key of a rival: an object's number and a member's.
pub(crate) type Key = (u64, u64);

/// A map that is measured.
pub(crate) trait Subject: Sized {
    /// An empty map. `ids` is the harness's memory, one place an object, for what the map calls it.
    fn new(ids: Vec<Option<ObjectId>>) -> Result<Self, Error>;

    /// Makes so many objects known, for who keeps their names.
    fn know(&mut self, _objects: u32) -> Result<(), Error> {
        Ok(())
    }

    /// Puts a row where none is.
    fn insert(&mut self, object: u32, member: u32, row: Row) -> Result<(), Error>;

    /// A copy of a row.
    fn get(&self, object: u32, member: u32) -> Option<Row>;
}

/// The key of a row.
#[inline]
pub(crate) fn key(object: u32, member: u32) -> Key {
    (object.into(), member.into())
}
