//! The fault proxy: TCP links that can be delayed, silenced and cut while connections run over them.
//!
//! It stands where a network would: in front of every front door and of every API server. Rules tell apart
//! who connects by the /24 of the source address, so that one direction between two regions can fail alone.
//! Its outgoing side has the client's own address, so a gateway behind it sees its real clients.
//!
//! - [`protocol`]: links, rules, and the HTTP by which they are changed
//! - [`rules`]: which rule holds for which connection
//! - [`link`]: one listening socket
//! - [`pump`]: one direction of one connection
//! - [`server`]: the process, `world faultproxy`

mod link;
pub mod protocol;
mod pump;
mod rules;
pub mod server;
#[cfg(test)]
mod tests;

pub use protocol::{Disturbance, LinkSpec, Rule};
