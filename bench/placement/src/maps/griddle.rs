//! griddle: hashbrown with `ahash` that allocates the double table at once and moves the rows little by little.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Subject, key};

/// The rows and nothing else.
pub(crate) struct Griddle(::griddle::HashMap<Key, Row, ahash::RandomState>);

impl Subject for Griddle {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::griddle::HashMap::with_hasher(ahash::RandomState::with_seeds(3, 7, 37, 73))))
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
