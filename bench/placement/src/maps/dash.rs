//! dashmap: shards of hashbrown, each behind its lock; a shard doubles all at once.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Sip, Subject, key};

/// The rows and nothing else.
pub(crate) struct Dash(::dashmap::DashMap<Key, Row, Sip>);

impl Subject for Dash {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::dashmap::DashMap::default()))
    }

    #[inline]
    fn insert(&mut self, object: u32, member: u32, row: Row) -> Result<(), Error> {
        self.0.insert(key(object, member), row);
        Ok(())
    }

    #[inline]
    fn get(&self, object: u32, member: u32) -> Option<Row> {
        self.0.get(&key(object, member)).map(|row| *row)
    }
}
