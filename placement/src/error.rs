//! What a caller can do wrong.

use std::sync::Arc;

/// A request that the map cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The member never joined, or has left.
    #[error("member {0:?} has not joined the placement map")]
    UnknownMember(Arc<str>),
    /// The cursor was handed out by another map, or for another member.
    #[error("the cursor belongs to {of}, not to member {asked:?} of this map")]
    ForeignCursor {
        /// Where the cursor came from.
        of: Arc<str>,
        /// The member that was asked for.
        asked: Arc<str>,
    },
}
