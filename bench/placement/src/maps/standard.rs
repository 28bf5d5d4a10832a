//! std: a hashbrown table with `SipHash`; it doubles when 7/8 of its buckets are full, all rows at once.

use spillway_placement::{Error, ObjectId, Row};

use super::{Key, Sip, Subject, key};

/// The rows and nothing else.
pub(crate) struct Std(::std::collections::HashMap<Key, Row, Sip>);

impl Subject for Std {
    fn new(_: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        Ok(Self(::std::collections::HashMap::default()))
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
