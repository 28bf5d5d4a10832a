//! The federated placement map: what is desired, applied and observed of every object on every member.
//!
//! It is the controller's memory of the propagation loop and nothing else: everything in it can be built again
//! from watches, so that a successor starts with an empty map and ends with the same one.
//!
//! # How it grows
//!
//! A hash map that doubles stops whoever inserts. Moving its entries little by little does not help enough:
//! allocating, initialising and freeing one large array is a stall of its own. So there is no large array here.
//!
//! ```text
//! name ──(64 ordered maps)──► ObjectId ──(tree of fixed width)──► page of 64 objects ──► object
//!                                                                                          │
//!                                     bitmap of members ── rows in the order of members ◄──┘  4 KiB at most
//! ```
//!
//! Rows of one object belong together: a reconcile reads and writes all of them. Objects are numbered densely as
//! they are born, so an id is an address: nothing is hashed, and no key is kept a row. Everything that grows is an
//! array of at most 64 rows, a page of 64 objects, or a node of an ordered map. [`bounds`] says what one operation
//! does at most; `docs/adr` says what else was tried.
//!
//! Results are owned and edits are closures, so that no caller can hold a lock across an await.

mod block;
pub mod bounds;
mod cursor;
mod departure;
mod directory;
mod error;
mod growth;
mod id;
mod indices;
mod key;
mod map;
mod members;
mod names;
mod object;
mod page;
mod row;
mod store;
mod sync;

pub use cursor::{Chunk, Cursor};
pub use error::Error;
pub use growth::Growth;
pub use id::{MemberId, ObjectId};
pub use key::ObjectKey;
pub use map::PlacementMap;
pub use row::{Counts, Fingerprint, Row, State};
