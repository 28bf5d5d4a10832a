//! Walking a member in chunks.

use std::sync::Arc;

use crate::{Error, ObjectKey, Row};

/// Where a walk over a member's rows goes on. It names the last row that was handed out, not a position, so it
/// stays valid while others write: a walk sees every row that was there all along, exactly once.
#[derive(Debug, Clone)]
pub struct Cursor {
    map: u64,
    member: Arc<str>,
    after: ObjectKey,
}

impl Cursor {
    pub(crate) fn new(map: u64, member: Arc<str>, after: ObjectKey) -> Self {
        Self { map, member, after }
    }

    /// The last key of the walk so far, if the cursor is of this map and member.
    pub(crate) fn resume(&self, map: u64, member: &str) -> Result<&ObjectKey, Error> {
        if self.map == map && &*self.member == member {
            return Ok(&self.after);
        }
        let of = if self.map == map { format!("member {:?}", self.member) } else { "another map".to_owned() };
        Err(Error::ForeignCursor { of: of.into(), asked: member.into() })
    }
}

/// Some rows of a member, and where the next ones begin.
#[derive(Debug)]
pub struct Chunk {
    /// The rows, by key.
    pub rows: Vec<(ObjectKey, Row)>,
    /// None when the walk is over.
    pub next: Option<Cursor>,
}
