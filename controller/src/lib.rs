//! The hub operator: what people declare on the hub becomes copies on members, and what gateways decide becomes
//! status on the hub.
//!
//! ```text
//! hub/ (watch) ─▶ reconcile/ (dereference → validate → build → want) ─▶ member/ (plan → apply) ─▶ status, events
//!                 traffic_status/ (ask gateways each second) ─────────────────────────────────▶ status, events
//! ```
//!
//! Everything is level-triggered: a key in a queue says "look again", and what to do follows from the hub's and
//! the member's watches at that moment. So a successor has nothing to learn from its predecessor. Every write
//! goes through [`apply`]; [`lead`] says whether it may.

pub mod admin;
pub mod apply;
pub mod cache;
pub mod conditions;
pub mod copy;
pub mod events;
pub mod federation;
pub mod hub;
pub mod identity;
pub mod lead;
pub mod ledger;
pub mod member;
pub mod metrics;
pub mod object;
pub mod options;
pub mod queue;
pub mod reconcile;
pub mod run;
pub mod term;
pub mod traffic_status;
