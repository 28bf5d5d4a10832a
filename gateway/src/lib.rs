//! The region gateway: the data plane of a member.
//!
//! It proxies, measures, probes its peers, spills to them and answers DNS. None of that needs the hub or its
//! own API server while it runs; see [`config`] for how that is so.

pub mod body;
pub mod config;
pub mod mtls;
pub mod traffic;
pub mod metrics;
pub mod proxy;
pub mod spill;
mod serve;
