//! The promises: what one operation does at most, however large the map is.
//!
//! They hold for every operation: growing, shrinking, clearing, dropping and walking included. (Dropping hands a large
//! map to a thread; if there is none to be had, the caller frees it all.) The tests in `tests/bounded.rs` count them with
//! an allocator of their own; nothing here is about time.

use crate::{block::GROUP, page::PAGE};

/// Members that a map can hold.
pub const MEMBERS: usize = 16 * GROUP;

/// Objects that a map can hold.
pub const OBJECTS: usize = PAGES as usize * PAGE;

/// Pages that the directory holds.
pub(crate) const PAGES: u32 = 1 << 18;

/// Pages that a branch of the directory holds.
pub(crate) const BRANCH: usize = 256;

/// Rows that an edit of one row moves at most: a block holds at most 64, and each is moved once when the block grows
/// or shrinks, and once to make room or close the gap.
pub const ROWS_MOVED: usize = 2 * GROUP;

/// Rows that a walk hands out, a leaving member loses or a clearing frees in one step, whatever limit is asked for
/// (clearing takes whole objects, and may so take one object's rows more).
pub const ROWS_A_STEP: usize = 256;

/// Rows that a step of leaving or clearing moves at most.
pub const ROWS_MOVED_A_STEP: usize = 2_048;

/// Objects that a walk looks at in one step; it may find nothing in them and still tell where to go on.
pub const OBJECTS_A_STEP: usize = 1024;

/// Bytes that an edit of one row allocates at most, and frees at most: a page, a branch of the directory, a block of
/// rows, and the few nodes of an ordered map in which a name is kept.
pub const BYTES_AN_EDIT: usize = 24 * 1024;

/// Bytes after which a step of leaving or clearing ends, though it might forget more rows.
pub(crate) const BYTES_A_STEP: usize = 48 * 1024;

/// Bytes that any operation allocates at most, and frees at most. The largest is to return a row for each of 1,024
/// members; with 64 members no operation comes near.
pub const BYTES: usize = 160 * 1024;
