//! scc: concurrent, a lock for a bucket of 32 rows; it moves rows to the double table bucket by bucket.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Sip, Subject, key};

/// The rows and nothing else.
pub(crate) struct Scc(::scc::HashMap<Key, Row, Sip>);

impl Subject for Scc {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::scc::HashMap::default()))
    }

    #[inline]
    fn insert(&mut self, object: u32, member: u32, row: Row) -> Result<(), Error> {
        let _ = self.0.insert_sync(key(object, member), row);
        Ok(())
    }

    #[inline]
    fn get(&self, object: u32, member: u32) -> Option<Row> {
        self.0.read_sync(&key(object, member), |_, row| *row)
    }
}
