//! The federated placement map: what is desired, applied and observed of every object on every member.
//!
//! It is the controller's memory of the propagation loop and nothing else: everything in it can be built again
//! from watches, so that a successor starts with an empty map and ends with the same one.
//!
//! The interface is that of the map that grows without a stall; behind it stands, for now, a plain ordered map
//! a member. Results are owned and edits are closures, so that no caller can hold a lock across an await.

mod cursor;
mod error;
mod key;
mod map;
mod member;
mod row;

pub use cursor::{Chunk, Cursor};
pub use error::Error;
pub use key::ObjectKey;
pub use map::PlacementMap;
pub use row::{Counts, Fingerprint, Row, State};
