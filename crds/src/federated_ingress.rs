//! `FederatedIngress`: an Ingress for many members, with the priority that governs where its traffic goes.

#![expect(clippy::duplicated_attributes, reason = "clippy takes the columns for one: each has its own type")]

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::IngressSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{authorities, dns_name, dns_names, ingress_spec, rule};

/// An Ingress that is copied to members and governed by a `RegionPriority`.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kube-federation.io",
    version = "v1alpha1",
    kind = "FederatedIngress",
    namespaced,
    status = "FederatedIngressStatus",
    derive = "PartialEq",
    shortname = "fi",
    category = "spillway",
    doc = "An Ingress that is copied to members, and whose traffic a RegionPriority governs.",
    printcolumn(name = "Priority", type_ = "string", json_path = ".spec.regionPriority"),
    printcolumn(name = "Hosts", type_ = "string", json_path = ".spec.template.spec.rules[*].host"),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".status.members.desired"),
    printcolumn(name = "Applied", type_ = "integer", json_path = ".status.members.applied"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.members.ready"),
    printcolumn(
        name = "Failing",
        type_ = "string",
        json_path = ".status.failing[*].member",
        description = "A member that is not as desired.",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct FederatedIngressSpec {
    /// The Ingress that members get.
    pub template: IngressTemplate,
    /// Names of the `MemberCluster`s that get it, 1 to 256. Absent: every member of the priority's
    /// regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 256),
        inner(length(min = 1, max = 63)),
        extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [dns_names("members")])
    )]
    pub members: Option<Vec<String>>,
    /// Name of the `RegionPriority`.
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [dns_name("regionPriority")]))]
    pub region_priority: String,
    /// Redirects of the backends.
    #[serde(default)]
    pub redirects: Redirects,
    /// How gateways probe the backends. Absent: by the requests that they serve anyway, and `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Which requests may go to another region.
    #[serde(default)]
    pub spill: SpillPolicy,
    /// What becomes of the copies when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// The Ingress that members get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressTemplate {
    /// Labels and annotations of the copies.
    #[serde(default)]
    pub metadata: TemplateMetadata,
    /// The spec of the copies; their class becomes `spillway`.
    #[schemars(schema_with = "ingress_spec")]
    pub spec: IngressSpec,
}

/// Labels and annotations of the copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// Labels of the copies, beside Spillway's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "x-kubernetes-validations" = [rule(
        "self.all(key, !key.startsWith('kube-federation.io/'))",
        "labels must not begin with kube-federation.io/: those are Spillway's own",
    )]))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the copies, beside Spillway's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256, "x-kubernetes-validations" = [rule(
        "!('kube-federation.io/region-priority' in self)",
        "annotations must not contain kube-federation.io/region-priority: a copy would be federated again",
    )]))]
    pub annotations: BTreeMap<String, String>,
}

/// Redirects of the backends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redirects {
    /// Other names of the backends, `host` or `host:port`: a `Location` that names one is rewritten to
    /// the host that the client asked for. 64 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 260)),
        extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [authorities("aliases")])
    )]
    pub aliases: Vec<String>,
}

/// How gateways probe the backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Path that is asked for.
    #[schemars(length(min = 1, max = 1024), extend("x-kubernetes-validations" = [rule(
        "self.matches('^/[!-~]*$')",
        "path must start with '/' and have no spaces",
    )]))]
    pub path: String,
    /// Host that is asked for. Absent: the route's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [dns_name("host")]))]
    pub host: Option<String>,
}

/// Which requests may go to another region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpillPolicy {
    /// Every request.
    #[default]
    All,
    /// Only methods that change nothing: GET, HEAD, OPTIONS, TRACE.
    SafeMethods,
    /// No request.
    None,
}

/// What becomes of the copies when their source is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They are deleted.
    #[default]
    Delete,
    /// They stay, without our labels.
    Orphan,
}

/// How far the copies are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedIngressStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Accepted`, `ResolvedRefs`, `Propagated`, `Programmed` and `Conflicted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Counts of members.
    #[serde(default)]
    pub members: MemberCounts,
    /// The members that are not as desired, 32 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["member"]))]
    pub failing: Vec<FailingMember>,
}

/// Counts of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberCounts {
    /// Members that shall have a copy.
    #[serde(default)]
    pub desired: u32,
    /// Members whose copy is as desired.
    #[serde(default)]
    pub applied: u32,
    /// Members whose gateways serve it.
    #[serde(default)]
    pub ready: u32,
}

/// A member whose copy is not as desired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailingMember {
    /// Name of the `MemberCluster`.
    pub member: String,
    /// One word, such as `Unreachable` or `Conflict`.
    pub reason: String,
    /// The whole story, for people.
    pub message: String,
    /// Since when.
    pub since: Time,
}
