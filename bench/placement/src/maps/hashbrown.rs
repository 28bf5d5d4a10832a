//! hashbrown with `foldhash`; it doubles when 7/8 of its buckets are full, all rows at once.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Subject, key};

/// The rows and nothing else.
pub(crate) struct Swiss(::hashbrown::HashMap<Key, Row, foldhash::fast::FixedState>);

impl Subject for Swiss {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::hashbrown::HashMap::default()))
    }

    #[inline]
    fn insert(&mut self, object: u32, member: u32, row: Row) -> Result<(), Error> {
        self.0.insert(key(object, member), row);
        Ok(())
    }

    #[inline]
    fn get(&self, object: u32, member: u32) -> Option<Row> {
        self.0.get(&key(object, member)).copied()
    }
}
