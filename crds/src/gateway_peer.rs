//! `GatewayPeer`: what a gateway must know of another member's gateways. Written by the hub into every
//! member, never by people.

use std::net::IpAddr;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::member_cluster::Capacity;

/// The gateways of one member, as their peers reach and recognise them.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "kube-federation.io", version = "v1alpha1", kind = "GatewayPeer", derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct GatewayPeerSpec {
    /// The federation: the trust domain of identities.
    pub federation: String,
    /// The region of the peer.
    pub region: String,
    /// The `MemberCluster` of the peer.
    pub member: String,
    /// Where people's requests reach it; also what is probed and what DNS answers.
    pub front_door: PeerFrontDoor,
    /// Where spill reaches it.
    pub spill: PeerSpill,
    /// The URI name that its certificate must carry.
    pub identity: String,
    /// What the member can carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// The front door of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerFrontDoor {
    /// IP addresses, 1 to 16, each once.
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<IpAddr>,
    /// Port for people's requests.
    pub http_port: u16,
}

/// The spill listener of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerSpill {
    /// IP addresses, 1 to 16, each once.
    #[schemars(with = "Vec<String>")]
    pub addresses: Vec<IpAddr>,
    /// Port of the mutually authenticated listener.
    pub port: u16,
}
