//! What the gateways decided, as the hub mirrors it: one row a region.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Percent;

/// A mirror of what the gateways decided. Nothing reads it to decide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionPriorityStatus {
    /// The generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions of the priority as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Mode `Ordered`: the region that most gateways' DNS sends people to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// Since when, as far as the hub saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_since: Option<Time>,
    /// One row a region, in the order of `spec.regions`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub regions: Vec<RegionStatus>,
}

/// One region's row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionStatus {
    /// Name of the region.
    pub name: String,
    /// How the region is.
    #[serde(default)]
    pub verdict: Verdict,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What people have commanded of it at a gateway; absent if nothing. The reason begins with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// When the verdict began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Other regions that cannot reach its front door.
    #[serde(default)]
    pub votes_bad: u32,
    /// Other regions that have a vote.
    #[serde(default)]
    pub voters: u32,
    /// Who they are, where there are more than seven other regions and seven of them vote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voted_by: Vec<String>,
    /// Where the region's own arrivals go that it does not serve itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spill_to: Vec<SpillTarget>,
    /// Percent of the region's own arrivals that it serves itself; with `spillTo` it makes 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_percent: Option<u32>,
    /// The window that the verdict was reached on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sli: Option<SliStatus>,
    /// Routes that are not as the region is, and move on their own; at most 16, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteStatus>,
}

/// A route that is not as its region is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteStatus {
    /// `namespace/name:host/path`.
    pub route: String,
    /// How it is in this region.
    #[serde(default)]
    pub verdict: Verdict,
    /// Why, and where its arrivals go, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When the verdict began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// How a region is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Nobody told us.
    #[default]
    Unknown,
    /// Within its bounds.
    Healthy,
    /// Out of bounds, for less than the hold.
    Suspected,
    /// Out of bounds for the hold: traffic leaves.
    Degraded,
    /// Within bounds again: traffic comes home.
    Recovering,
}

/// A region that serves another's arrivals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpillTarget {
    /// Name of the region.
    pub region: String,
    /// Percent of the origin's arrivals.
    pub percent: u32,
}

/// The window of a region's own requests and probes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SliStatus {
    /// Requests in the window.
    #[serde(default)]
    pub requests: u64,
    /// Percent of them that failed.
    #[serde(default)]
    pub error_percent: Percent,
    /// Their 95th percentile of latency, in milliseconds.
    #[serde(default)]
    pub latency_p95_milliseconds: u64,
    /// Probes in the window.
    #[serde(default)]
    pub probes: u64,
    /// Percent of them that succeeded.
    #[serde(default)]
    pub availability_percent: Percent,
}
