//! Balancing: which endpoint of a backend gets a request, which one is left out for a while, what is sent once
//! more, and how much a backend takes at a time.
//!
//! Pure like all of this crate: chance comes in as a `dice`, time and what happened as arguments. The gateway
//! keeps the state, one of each for every backend or endpoint, and asks.

pub mod budget;
pub mod health;
pub mod limit;
pub mod pick;
pub mod replay;

pub use budget::Budget;
pub use health::{Fault, Health, Outcome, Tally};
pub use limit::{Class, Limit};
pub use pick::{Standing, pick};
pub use replay::{Again, Ask, Loss, again};
