//! Processes of a world and their end.
//!
//! Whoever raises a world may end in any way: a failed test, Ctrl-C, SIGKILL. Nothing must be left behind.
//! So the processes of a world are not children of the one who raised it but of a small supervisor
//! (`world supervise`, in a process group of its own, so that Ctrl-C does not reach it). The owner holds the
//! write end of a pipe to the supervisor's stdin, the *lifeline*: when the kernel closes it, the supervisor
//! SIGKILLs everything it started and removes the world's directory. A pid cannot be forgotten, because the
//! process that starts is the process that ends.
//!
//! Requests go over a unix socket in the world's directory, so `world fault N ...` from another terminal is
//! the same as a fault in a test.
//!
//! - [`protocol`]: what can be asked
//! - [`claim`]: the number of a world, and its directory
//! - [`supervisor`]: the side that starts and ends processes
//! - [`owner`]: the side that asks, and the lifeline

pub mod claim;
pub mod owner;
pub mod protocol;
pub mod supervisor;
mod table;

pub use owner::Owner;
pub use protocol::{Signal, Spec, Status};
