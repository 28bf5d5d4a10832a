//! A world of clusters and faults, for the stories in `tests/` and for `make demo`.
//!
//! A world is one hub and N members. Each is a real control plane with its own CA, RBAC and loopback
//! address, and each member has a gateway and demo backends with fault switches; a fault proxy stands
//! between the regions. Nothing here is part of the product, and nothing of the product depends on it.

pub mod backend;
pub mod chart;
pub mod controlplane;
pub mod cost;
pub mod demo;
pub mod failover;
pub mod faultproxy;
pub mod kind;
pub mod load;
pub mod process;
mod requests;
pub mod story;
mod wait;
pub mod world;
