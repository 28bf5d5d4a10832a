//! What gateways tell each other, the hub and people.
//!
//! [`Report`] travels between gateways each second and answers the hub; [`State`] is `/debug/state`. Both
//! show each region by the same [`RegionView`]. Every field has a default and unknown fields are ignored,
//! so that old and new versions understand each other side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answers::Answer;
use crate::commands::Command;
use crate::priority::Enforcement;
use crate::sli::Sli;
use crate::time::Time;
use crate::verdict::Verdict;
use crate::votes::Vote;

/// The version of [`Report`] that this build writes.
pub const VERSION: u32 = 1;

/// One gateway's word: its own verdicts, its votes on others, what it grants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Region of the writer.
    pub region: String,
    /// Member of the writer.
    pub member: String,
    /// When the writer's gateway started, in milliseconds of its clock: one life of it. 0 if it does not say.
    #[serde(skip_serializing_if = "is_unsaid")]
    pub life: u64,
    /// How many reports of this life are older. Reports cross on their ways: what was told earlier and comes later is
    /// no news.
    #[serde(skip_serializing_if = "is_unsaid")]
    pub number: u64,
    /// Each priority that the writer knows.
    pub priorities: BTreeMap<String, PriorityReport>,
    /// The commands that the writer knows, the revoked ones included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
    /// What the writer cannot serve of its Ingresses, by `namespace/name`. Only the hub is told, for status; no
    /// decision reads it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<String, String>,
    /// The writer itself: its build, its clock, its links. Only the hub and operators are told; no decision reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// A gateway, for people who look for what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct About {
    /// The version of its build.
    pub software: String,
    /// Its clock now.
    pub now: Time,
    /// Whether it may play ill on a game day.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allows_gameday: bool,
    /// What it plays now, in words; empty if nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gameday: String,
    /// Its spill links, by the member at the other end.
    pub links: BTreeMap<String, Contact>,
}

/// A spill link, in both directions, as the gateway at one end sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Contact {
    /// Region of the other end.
    pub region: String,
    /// Milliseconds since the other end last answered us; none: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_milliseconds: Option<u64>,
    /// Why it did not, the last time; empty if it did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure: String,
    /// Milliseconds since the other end last asked us; none: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_milliseconds: Option<u64>,
}

impl Report {
    /// Whether the writer told this before the report of that life and number.
    #[must_use]
    pub const fn is_older_than(&self, (life, number): (u64, u64)) -> bool {
        self.life != 0 && self.life == life && self.number < number
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_unsaid(number: &u64) -> bool {
    *number == 0
}

/// One gateway's word on one priority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriorityReport {
    /// What the writer declares of its own region, by self evidence.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// Percent of its arrivals that are to be home: 100 unless Degraded (0) or Recovering (a step).
    pub home_percent: u32,
    /// The writer's own arrivals leave it by verdict: it counts against `maxDrainedRegions`.
    pub draining: bool,
    /// The writer spills, or soon may: it wants grants.
    pub asking: bool,
    /// [`Priority::digest`](crate::Priority::digest) of the writer's configuration; empty from one that tells none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The writer's votes on the other regions' front doors.
    pub votes: BTreeMap<String, Vote>,
    /// Regions that the writer holds to be unreachable by quorum, for those who have just started.
    pub unreachable: Vec<String>,
    /// Requests a second that the writer accepts from each origin region.
    pub grants: BTreeMap<String, u32>,
    /// The routes that are not as their region is; none from a gateway that does not judge routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<RouteReports>,
    /// Everything that the writer believes and does, for status and people; no decision reads it.
    pub view: PriorityView,
}

impl PriorityReport {
    /// Whether its writer judges by another configuration than the one of this digest.
    pub(crate) fn is_skewed(&self, digest: &str) -> bool {
        !self.digest.is_empty() && self.digest != digest
    }
}

/// The routes that are not Healthy though their region may be. What is not listed is, unless some are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteReports {
    /// By route id, the worst ones.
    pub exceptions: BTreeMap<String, RouteReport>,
    /// There are more than are listed.
    pub elided: bool,
}

/// One gateway's word on one route of its own region, which grants zero for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteReport {
    /// By self evidence.
    pub verdict: Verdict,
    /// Why, in words; empty for what is only Suspected.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Percent of its arrivals that are to be home.
    pub home_percent: u32,
    /// Its arrivals leave by verdict: for this route the region counts against `maxDrainedRegions`.
    pub draining: bool,
}

/// One priority, as one gateway sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriorityView {
    /// Whether decisions move traffic.
    pub enforcement: Enforcement,
    /// Every region of the priority by name.
    pub regions: BTreeMap<String, RegionView>,
    /// Percent of this gateway's own arrivals that each region serves.
    pub shares: BTreeMap<String, u32>,
    /// Why they go there, in words.
    pub shares_reason: String,
    /// What its DNS answers.
    pub answer: Option<Answer>,
    /// The routes that move on their own, the worst first; at most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteView>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_routes: u32,
    /// Regions with a gateway whose regions or bounds for this priority are not this one's: a change that is on
    /// its way, or that has not reached one of us.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skewed: Vec<String>,
}

/// A route that is not as its region is, as the region's own gateway sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteView {
    /// Its id: `namespace/name:host/path`.
    pub route: String,
    /// By self evidence.
    pub verdict: Verdict,
    /// Why, and what is done about it, in words.
    pub reason: String,
    /// Since when, RFC 3339 by this gateway's clock.
    pub since: String,
    /// Percent of its arrivals that each region serves.
    pub shares: BTreeMap<String, u32>,
}

/// One region, as one gateway sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegionView {
    /// The effective verdict: the worse of what the region declares and what the others see; their doubt below
    /// a quorum makes it Suspected.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// What people have commanded of it, in words; empty if nothing. The reason begins with it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// Since when, RFC 3339 by this gateway's clock.
    pub since: String,
    /// Other regions that vote its front door bad.
    pub votes_bad: u32,
    /// Other regions that have a vote.
    pub voters: u32,
    /// Who they are, where not all have one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub voted_by: Vec<String>,
    /// The window of the region's own requests and probes, where this gateway is the one that sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sli: Option<Sli>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// `/debug/state`: what a gateway believes and does, for people and tests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Region of the gateway.
    pub region: String,
    /// Member of the gateway.
    pub member: String,
    /// Its clock, RFC 3339.
    pub now: String,
    /// Routes are loaded and it is not draining.
    pub ready: bool,
    /// Each priority by name.
    pub priorities: BTreeMap<String, PriorityView>,
    /// The commands that it knows, the revoked ones included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
}
