//! The story that `make demo` tells: a region of three fails over and comes home, before your eyes.
//!
//! What is seen becomes [`frame::Frame`]s; everything else is a pure function of them:
//!
//! ```text
//! world ── watch ──▶ frame ──▶ milestones ──▶ script (what next) ──▶ world
//!                      │            └───────▶ verdict, summary
//!                      └──▶ narrator (lines), table, picture
//! ```

pub mod frame;
#[cfg(test)]
mod invented;
mod keep;
pub mod milestones;
pub mod narrator;
pub mod picture;
mod screen;
pub mod script;
pub mod summary;
pub mod table;
mod tell;
pub mod terms;
pub mod verdict;
mod watch;

pub use tell::{Told, tell};
