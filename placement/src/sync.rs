//! Locks, shared counters and threads: std's, or those of the model checker that tries the orders in which threads can run.

use std::sync::PoisonError;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{
    Mutex, RwLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::thread;

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{
    Mutex, RwLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::thread;

/// The guard, also when a caller's edit panicked under the lock: edits work on a copy, so nothing is half done.
pub(crate) fn held<Guard>(result: Result<Guard, PoisonError<Guard>>) -> Guard {
    result.unwrap_or_else(PoisonError::into_inner)
}
