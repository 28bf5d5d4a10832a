//! papaya: concurrent, a box a row. It is pinned for each operation, as a reconcile would.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Sip, Subject, key};

/// The rows and nothing else.
pub(crate) struct Papaya(::papaya::HashMap<Key, Row, Sip>);

impl Subject for Papaya {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::papaya::HashMap::default()))
    }

    #[inline]
    fn insert(&mut self, object: u32, member: u32, row: Row) -> Result<(), Error> {
        self.0.pin().insert(key(object, member), row);
        Ok(())
    }

    #[inline]
    fn get(&self, object: u32, member: u32) -> Option<Row> {
        self.0.pin().get(&key(object, member)).copied()
    }
}
