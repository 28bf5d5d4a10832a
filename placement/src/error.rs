//! What a caller can do wrong, and where the map ends.

use std::sync::Arc;

use crate::{MemberId, ObjectId, bounds};

/// A request that the map cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The member never joined, or has left.
    #[error("member {0:?} has not joined the placement map")]
    UnknownMember(Arc<str>),
    /// The id is of a member that has left, or of another map.
    #[error("{0:?} is not, or no longer, a member of the placement map")]
    StaleMember(MemberId),
    /// The id is of an object that lost its last row, or of another map: intern it again.
    #[error("{0:?} is not, or no longer, in the placement map")]
    StaleObject(ObjectId),
    /// The cursor was handed out by another map, or for another member.
    #[error("the cursor belongs to {of}, not to member {asked:?} of this map")]
    ForeignCursor {
        /// Where the cursor came from.
        of: Arc<str>,
        /// The member that was asked for.
        asked: Arc<str>,
    },
    /// One member more than the map can hold.
    #[error("the placement map is full: it holds at most {} members", bounds::MEMBERS)]
    TooManyMembers,
    /// One object more than the map can hold.
    #[error("the placement map is full: it holds at most {} objects", bounds::OBJECTS)]
    TooManyObjects,
}
