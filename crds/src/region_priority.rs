//! `RegionPriority`: which regions carry a set of routes, in which order, when traffic leaves one and how
//! it comes home.

#![expect(clippy::duplicated_attributes, reason = "clippy takes the columns for one: each has its own type")]

mod dns;
mod health;
mod moves;
mod status;

pub use dns::Dns;
pub use health::Health;
pub use moves::{Recovery, Shift};
pub use status::{RegionPriorityStatus, RegionStatus, RouteStatus, SliStatus, SpillTarget, Verdict};

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{host_ports, region_name, rule};

/// Regions in the order of their priority, and when traffic moves between them.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kube-federation.io",
    version = "v1alpha1",
    kind = "RegionPriority",
    plural = "regionpriorities",
    status = "RegionPriorityStatus",
    derive = "PartialEq",
    shortname = "rp",
    category = "spillway",
    doc = "Regions in the order of their priority, and when traffic moves between them.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Enforcement", type_ = "string", json_path = ".spec.enforcement", priority = 1),
    printcolumn(name = "First", type_ = "string", json_path = ".spec.regions[0].name"),
    printcolumn(
        name = "Active",
        type_ = "string",
        json_path = ".status.active",
        description = "The region that most gateways' DNS sends people to."
    ),
    printcolumn(
        name = "Degraded",
        type_ = "string",
        json_path = ".status.regions[?(@.verdict==\"Degraded\")].name",
        description = "The first region that is Degraded."
    ),
    printcolumn(
        name = "Since",
        type_ = "date",
        json_path = ".status.regions[?(@.verdict==\"Degraded\")].since",
        description = "For how long it has been."
    ),
    printcolumn(
        name = "Command",
        type_ = "string",
        json_path = ".status.regions[?(@.command)].command",
        description = "The first command of people that is in force."
    ),
    printcolumn(
        name = "FailOpen",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"FailOpen\")].status",
        description = "True when traffic stays where it is because nowhere is better."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.regions[?(@.verdict==\"Degraded\")].reason",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RegionPrioritySpec {
    /// `Enforce` moves traffic; `Observe` decides and reports, and changes nothing.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// `Ordered`: the first healthy region is active and the others stand by, a standby forwards what
    /// reaches it. `Local`: every region serves its own arrivals while it can.
    #[serde(default)]
    pub mode: Mode,
    /// The regions, first choice first; 1 to 64, each once.
    #[schemars(length(min = 1, max = 64), extend(
        "x-kubernetes-list-type" = "atomic",
        "x-kubernetes-validations" = [
            rule(
                "self.all(region, self.exists_one(other, other.name == region.name))",
                "regions must name each region once",
            ),
            rule(
                "size(self) == 0 || self.exists(region, region.intent != 'Drained')",
                "regions must not all have the intent Drained: traffic has to go somewhere",
            ),
        ]
    ))]
    pub regions: Vec<Region>,
    /// When a region is unwell.
    #[serde(default)]
    pub health: Health,
    /// How traffic leaves a region.
    #[serde(default)]
    pub shift: Shift,
    /// How traffic comes home.
    #[serde(default)]
    pub recovery: Recovery,
    /// What gateways answer to DNS.
    #[serde(default)]
    pub dns: Dns,
    /// Addresses outside every region, `host:port`, 16 at most: who reaches none of them is cut off
    /// himself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 260)),
        extend("x-kubernetes-list-type" = "set", "x-kubernetes-validations" = [host_ports("witnesses")])
    )]
    pub witnesses: Vec<String>,
}

/// One region of a priority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// Name of the region, as in `MemberCluster`'s `spec.region`.
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = [region_name("name")]))]
    pub name: String,
    /// What people want of it: `Auto` follows its verdict, `Drained` keeps traffic away, `Pinned` keeps
    /// traffic there whatever its verdict.
    #[serde(default)]
    pub intent: Intent,
}

/// Whether decisions move traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Enforcement {
    /// Decide and move.
    #[default]
    Enforce,
    /// Decide and report only.
    Observe,
}

/// Who serves while all is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// The first healthy region.
    #[default]
    Ordered,
    /// Every region its own arrivals.
    Local,
}

/// What people want of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Intent {
    /// Follow the verdict.
    #[default]
    Auto,
    /// Keep traffic away.
    Drained,
    /// Keep traffic there.
    Pinned,
}
