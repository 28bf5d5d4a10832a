//! std's ordered map: nodes of 11 rows, never a large block.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Subject, key};

/// The rows and nothing else.
pub(crate) struct Ordered(::std::collections::BTreeMap<Key, Row>);

impl Subject for Ordered {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::std::collections::BTreeMap::new()))
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
