//! `GatewayPeer`: what a gateway must know of another member's gateways. Written by the hub into every
//! member, never by people.

#![expect(unreachable_pub, reason = "KubeSchema copies the spec into a function, `pub` and all")]

use std::net::IpAddr;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::member_cluster::Capacity;
use crate::schema::{addresses, dns_name, region_name, rule};

/// The gateways of one member, as their peers reach and recognise them.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kube-federation.io",
    version = "v1alpha1",
    kind = "GatewayPeer",
    derive = "PartialEq",
    shortname = "gp",
    category = "spillway",
    doc = "A peer of this member's gateways. Written by the hub, never by people.",
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "FrontDoor", type_ = "string", json_path = ".spec.frontDoor.addresses"),
    printcolumn(name = "Spill", type_ = "string", json_path = ".spec.spill.addresses", priority = 1),
    printcolumn(name = "Identity", type_ = "string", json_path = ".spec.identity", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name == self.spec.member")
        .message("spec.member must be the object's name")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "self.identity == 'spiffe://' + self.federation + '/region/' + self.region + '/member/' + self.member",
    "identity must be spiffe://<federation>/region/<region>/member/<member>",
)]))]
pub struct GatewayPeerSpec {
    /// The federation: the trust domain of identities.
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [dns_name("federation")]))]
    pub federation: String,
    /// The region of the peer.
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = [region_name("region")]))]
    pub region: String,
    /// The `MemberCluster` of the peer.
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = [dns_name("member")]))]
    pub member: String,
    /// Where people's requests reach it; also what is probed and what DNS answers.
    pub front_door: PeerFrontDoor,
    /// Where spill reaches it.
    pub spill: PeerSpill,
    /// The URI name that its certificate must carry.
    #[schemars(length(min = 1, max = 512))]
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
    #[schemars(
        with = "Vec<String>",
        length(min = 1, max = 16),
        inner(length(min = 2, max = 45)),
        extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [addresses("addresses")])
    )]
    pub addresses: Vec<IpAddr>,
    /// Port for people's requests.
    #[schemars(range(min = 1, max = 65535))]
    pub http_port: u16,
}

/// The spill listener of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeerSpill {
    /// IP addresses, 1 to 16, each once.
    #[schemars(
        with = "Vec<String>",
        length(min = 1, max = 16),
        inner(length(min = 2, max = 45)),
        extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [addresses("addresses")])
    )]
    pub addresses: Vec<IpAddr>,
    /// Port of the mutually authenticated listener.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}
