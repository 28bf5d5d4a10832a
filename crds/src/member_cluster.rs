//! `MemberCluster`: a cluster that carries traffic, and how the hub and its peers reach it.

#![expect(unreachable_pub, reason = "KubeSchema copies the spec into a function, `pub` and all")]

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::secrets::KUBECONFIG_KEY;
use crate::region_priority::Verdict;
use crate::schema::{addresses, dns_name, region_name, rule};

/// A cluster that carries traffic for one region.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kube-federation.io",
    version = "v1alpha1",
    kind = "MemberCluster",
    status = "MemberClusterStatus",
    derive = "PartialEq",
    shortname = "mc",
    category = "spillway",
    doc = "A cluster that carries traffic for one region.",
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reachable",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Reachable\")].status"
    ),
    printcolumn(
        name = "Gateway",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"GatewayReady\")].status"
    ),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Seen", type_ = "date", json_path = ".status.lastSeen", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("metadata.name must be 63 characters at most: it becomes part of identities and labels")
)]
#[serde(rename_all = "camelCase")]
pub struct MemberClusterSpec {
    /// The region that the member's gateways serve. It cannot be changed: make another member instead.
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = [region_name("region"), rule("self == oldSelf", "region cannot be changed: make another member instead")]))]
    pub region: String,
    /// How the hub reaches the member's API server. Exactly one kind.
    pub connection: Connection,
    /// The public addresses of the member's gateways.
    pub front_door: FrontDoor,
    /// What the member can carry. Without it, spill is granted by measured headroom alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// How the hub reaches a member's API server: exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "has(self.kubeconfigSecretRef) != has(self.inPlace)",
    "connection must have exactly one of kubeconfigSecretRef and inPlace",
)]))]
pub struct Connection {
    /// A Secret in the controller's namespace that holds a kubeconfig. Kubeconfigs that run programs
    /// or name files are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret_ref: Option<KubeconfigSecretRef>,
    /// The member is the hub itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<InPlace>,
}

/// A kubeconfig in a Secret of the controller's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeconfigSecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [dns_name("name")]))]
    pub name: String,
    /// Key in the Secret.
    #[serde(default = "kubeconfig_key")]
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [rule(
        "self.matches('^[-._a-zA-Z0-9]+$')",
        "key must be a key of a Secret: letters, digits, '-', '_' and '.'",
    )]))]
    pub key: String,
}

/// The hub itself is the member. Nothing needs to be said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InPlace {}

/// The public addresses of a member's gateways, and their ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "self.httpPort != self.spillPort",
    "httpPort and spillPort must differ: spill has a listener of its own",
)]))]
pub struct FrontDoor {
    /// IP addresses, 1 to 16, each once. DNS answers with all of them.
    #[schemars(
        with = "Vec<String>",
        length(min = 1, max = 16),
        inner(length(min = 2, max = 45)),
        extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [addresses("addresses")])
    )]
    pub addresses: Vec<IpAddr>,
    /// Port for people's requests.
    #[serde(default = "http_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub http_port: u16,
    /// Port for spill from other regions, mutually authenticated.
    #[serde(default = "spill_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub spill_port: u16,
}

/// A ceiling of what a member carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// Requests a second that the member can serve, its own and spilled ones together; 1 to 10000000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_requests_per_second: u32,
}

/// What the hub sees of a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberClusterStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reachable` and `GatewayReady`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Version of the member's API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The gateways that answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub gateways: Vec<GatewayStatus>,
    /// When the member's API server last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
}

/// One gateway of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStatus {
    /// Name of the gateway.
    pub name: String,
    /// Its region.
    pub region: String,
    /// What it says of its own region, the worst over all priorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

fn kubeconfig_key() -> String {
    KUBECONFIG_KEY.to_owned()
}

fn http_port() -> u16 {
    80
}

fn spill_port() -> u16 {
    8443
}
