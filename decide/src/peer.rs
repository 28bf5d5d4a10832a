//! Another member's gateway, as far as decisions and connections need it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The gateways of one member; mirrors `GatewayPeer`'s spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Peer {
    /// The federation that it belongs to.
    pub federation: String,
    /// Its region.
    pub region: String,
    /// Its member cluster: the name that is unique among peers.
    pub member: String,
    /// Where people's requests reach it: what is probed and what DNS answers.
    pub front_door: Door,
    /// Where spill and exchanges reach it.
    pub spill: Door,
    /// The URI name that its certificate must carry.
    pub identity: String,
    /// What the member can carry, in requests a second.
    pub max_requests_per_second: Option<u32>,
}

/// Addresses that share one port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Door {
    /// IP addresses, first choice first.
    pub addresses: Vec<IpAddr>,
    /// The port.
    pub port: u16,
}
