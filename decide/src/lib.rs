//! Every decision of Spillway, and nothing else.
//!
//! There is no clock here, no client, no async runtime and no randomness: time and observations are
//! arguments, decisions are data. What a dry run prints, what the dashboard draws and what tests check is
//! what gateways and the controller do.

pub mod answers;
pub mod assessment;
pub mod balance;
pub mod census;
pub mod commands;
pub mod count;
pub mod decider;
pub mod decision;
pub mod evidence;
pub mod exceptions;
pub mod forwarded;
mod freeze;
pub mod grants;
mod hash;
mod hearing;
mod last;
pub mod observer;
pub mod peer;
pub mod plan;
pub mod priority;
pub mod reach;
pub mod redirects;
pub mod report;
pub mod routes;
pub mod share;
pub mod shift;
pub mod sli;
pub mod standing;
pub mod time;
mod track;
pub mod verdict;
pub mod voters;
pub mod votes;

pub use answers::Answer;
pub use census::Census;
pub use decider::Decider;
pub use decision::{Change, Decision, Heard, Input};
pub use observer::Witnesses;
pub use peer::{Door, Peer};
pub use priority::{
    Dns, Enforcement, Health, Intent, Mode, Ordered, Priority, PriorityRegion, Recovery, Shift,
};
pub use share::{Share, Shares};
pub use time::Time;
pub use verdict::Verdict;
