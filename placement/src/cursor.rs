//! Walking a member in steps.

use std::sync::Arc;

use crate::{Error, MemberId, ObjectKey, Row};

/// Where a walk over a member's rows goes on. Objects never change their places, so it stays valid while others
/// write: a walk sees every row that was there all along, exactly once.
#[derive(Debug, Clone)]
pub struct Cursor {
    map: u64,
    name: Arc<str>,
    member: MemberId,
    at: u32,
}

impl Cursor {
    pub(crate) fn new(map: u64, name: Arc<str>, member: MemberId, at: u32) -> Self {
        Self { map, name, member, at }
    }

    /// Where to go on, if the cursor is of this map and of this stay of this member.
    pub(crate) fn resume(&self, map: u64, name: &str, member: MemberId) -> Result<u32, Error> {
        if self.map == map && self.member == member {
            return Ok(self.at);
        }
        let of = match (self.map == map, *self.name == *name) {
            (false, _) => "another map".into(),
            (true, true) => format!("an earlier stay of member {name:?}"),
            (true, false) => format!("member {:?}", self.name),
        };
        Err(Error::ForeignCursor { of: of.into(), asked: name.into() })
    }
}

/// Some rows of a member, and where the next ones begin.
#[derive(Debug)]
pub struct Chunk {
    /// The rows, in the order of their objects' places: stable, but not that of their names.
    pub rows: Vec<(ObjectKey, Row)>,
    /// None when the walk is over. It can go on after a chunk without rows: a step looks at so many objects and no
    /// more, whether they have a row of this member or not.
    pub next: Option<Cursor>,
}
