//! The hub operator: what people declare on the hub becomes copies on members, and what gateways decide becomes
//! status on the hub.
//!
//! ```text
//! watch ─▶ reconcile/ (dereference → validate → build → want) ─▶ propagate/ (plan → apply) ─▶ status, events
//!          traffic_status/ (ask gateways each second) ────────────────────────────────────▶ status, events
//! ```
//!
//! The rooms know only those before them: data ([`hub`], [`member`], [`board`], [`identity`], [`cache`], [`queue`],
//! [`copy`], [`object`], [`ledger`], [`metrics`], [`timed`]) ← [`federation`], all of it together ← [`reconcile`], [`watch`],
//! [`traffic_status`] ← [`propagate`] ← [`term`] ← [`run`].
//!
//! Everything is level-triggered: a key in a queue says "look again", and what to do follows from the hub's and
//! the member's watches at that moment. So a successor has nothing to learn from its predecessor. Every write
//! goes through [`apply`]; [`lead`] says whether it may.
//!
//! What it tells about itself: [`admin`] over HTTP, with [`metrics`] and [`profile`]s; [`timeline`] to a file.

mod admin;
mod apply;
mod board;
mod cache;
mod conditions;
mod copy;
mod events;
mod federation;
#[cfg(test)]
mod fixture;
mod hub;
mod identity;
mod lead;
mod ledger;
mod member;
mod metrics;
mod object;
pub mod options;
pub mod profile;
mod propagate;
mod queue;
mod recent;
mod reconcile;
pub mod run;
mod term;
mod timed;
pub mod timeline;
mod traffic_status;
mod watch;
