//! The region gateway: the data plane of a member.
//!
//! It proxies, measures, probes its peers, spills to them and answers DNS. None of that needs the hub or its
//! own API server while it runs; see [`config`] for how that is so.

pub mod admin;
pub mod body;
pub mod bounds;
mod coalesce;
pub mod config;
pub mod dns;
pub mod file;
pub mod flags;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod gateway;
pub mod metrics;
pub mod mtls;
pub mod proxy;
mod run;
pub mod seen;
mod serve;
pub mod spill;
pub mod tls;
pub mod traffic;
mod turn;

pub use run::run;
