//! What people want of a set of routes: regions in order, bounds, holds and steps.
//!
//! Plain data that mirrors `RegionPriority`'s spec, with numbers where the API has decimal strings, so that
//! deciding needs no Kubernetes types and a snapshot on disk holds the very values that decisions use.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hash::stable;

/// Regions in the order of their priority, and when traffic moves between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Priority {
    /// Whether decisions move traffic.
    pub enforcement: Enforcement,
    /// Who serves while all is well.
    pub mode: Mode,
    /// The regions, first choice first.
    pub regions: Vec<PriorityRegion>,
    /// When a region is unwell.
    pub health: Health,
    /// How traffic leaves a region.
    pub shift: Shift,
    /// How traffic comes home.
    pub recovery: Recovery,
    /// What gateways answer to DNS.
    pub dns: Dns,
    /// Addresses outside every region, `host:port`.
    pub witnesses: Vec<String>,
    /// The regions that commands are in force on; see [`crate::commands`]. Not of the spec.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<String, Ordered>,
}

/// What people have commanded of one region, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ordered {
    /// What took the place of its intent, if anything did.
    pub intent: Option<String>,
    /// That it is frozen.
    pub freeze: Option<String>,
    /// That it plays ill.
    pub gameday: Option<String>,
}

/// One region of a priority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriorityRegion {
    /// Name of the region.
    pub name: String,
    /// What people want of it.
    pub intent: Intent,
}

/// Whether decisions move traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Enforcement {
    /// Decide and move.
    #[default]
    Enforce,
    /// Decide and report; shares stay local, answers stay.
    Observe,
}

/// Who serves while all is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The first healthy region; the others forward what reaches them to it.
    #[default]
    Ordered,
    /// Every region its own arrivals, while it can.
    Local,
}

/// What people want of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intent {
    /// Follow the verdict.
    #[default]
    Auto,
    /// Keep traffic away, whatever the verdict.
    Drained,
    /// Keep traffic there, whatever the verdict.
    Pinned,
}

/// The bounds of a well region, and how long they must be broken before traffic leaves it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// Seconds of bad evidence after which a region is Degraded.
    pub hold_seconds: u32,
    /// The same for a front door that cannot be reached at all.
    pub unreachable_hold_seconds: u32,
    /// Seconds of requests and probes that are looked at together.
    pub window_seconds: u32,
    /// Requests in a window below which their errors and latency say nothing.
    pub min_requests: u32,
    /// Percent of probes that must succeed.
    pub min_availability_percent: f64,
    /// Percent of requests that may fail.
    pub max_error_percent: f64,
    /// Milliseconds that 95 percent of requests must keep.
    pub max_latency_p95_milliseconds: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            hold_seconds: 30,
            unreachable_hold_seconds: 5,
            window_seconds: 10,
            min_requests: 20,
            min_availability_percent: 99.0,
            max_error_percent: 5.0,
            max_latency_p95_milliseconds: 1500,
        }
    }
}

impl Health {
    /// [`Self::hold_seconds`] as a duration.
    #[must_use]
    pub fn hold(&self) -> Duration {
        Duration::from_secs(self.hold_seconds.into())
    }

    /// [`Self::unreachable_hold_seconds`] as a duration.
    #[must_use]
    pub fn unreachable_hold(&self) -> Duration {
        Duration::from_secs(self.unreachable_hold_seconds.into())
    }

    /// [`Self::window_seconds`] as a duration, at least one second.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.max(1).into())
    }

    /// The latency that 95 percent of requests must keep.
    #[must_use]
    pub fn latency_bound(&self) -> Duration {
        Duration::from_millis(self.max_latency_p95_milliseconds.into())
    }
}

/// How traffic leaves a Degraded region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shift {
    /// Percent of the region's arrivals that other regions serve, step by step.
    pub steps_percent: Vec<u32>,
    /// Seconds between two steps.
    pub step_seconds: u32,
    /// How many regions may be without traffic at one time by verdict.
    pub max_drained_regions: u32,
}

impl Default for Shift {
    fn default() -> Self {
        Self { steps_percent: vec![10, 65, 100], step_seconds: 1, max_drained_regions: 1 }
    }
}

/// How traffic comes home to a region that is well again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Recovery {
    /// Seconds of good evidence before the first step home, times the number of recent failures.
    pub hold_seconds: u32,
    /// The longest that the hold may grow to.
    pub max_hold_seconds: u32,
    /// Percent of the region's arrivals that it serves itself again, step by step.
    pub steps_percent: Vec<u32>,
    /// Seconds between two steps.
    pub step_seconds: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            hold_seconds: 30,
            max_hold_seconds: 300,
            steps_percent: vec![5, 25, 50, 100],
            step_seconds: 30,
        }
    }
}

/// What gateways answer to DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dns {
    /// Answer for `<host>.<zone>` too.
    pub zone: Option<String>,
    /// Time to live while all is well.
    pub ttl_seconds: u32,
    /// Time to live from the first suspicion on.
    pub suspect_ttl_seconds: u32,
}

impl Default for Dns {
    fn default() -> Self {
        Self { zone: None, ttl_seconds: 30, suspect_ttl_seconds: 5 }
    }
}

impl Priority {
    /// Names of the regions in their order.
    #[must_use]
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.regions.iter().map(|region| region.name.as_str())
    }

    /// What people want of a region; `Auto` for one that is not of this priority.
    #[must_use]
    pub fn intent(&self, region: &str) -> Intent {
        self.regions.iter().find(|entry| entry.name == region).map_or(Intent::Auto, |entry| entry.intent)
    }

    /// Whether verdicts on the region move no traffic. An intent does: it is people's word, too.
    #[must_use]
    pub fn is_frozen(&self, region: &str) -> bool {
        self.intent(region) == Intent::Auto
            && self.orders.get(region).is_some_and(|ordered| ordered.freeze.is_some())
    }

    /// Tells configurations apart that judge differently: the regions and their bounds. Sixteen digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let names = self.names().flat_map(|name| name.bytes().chain([0]));
        let Health {
            hold_seconds,
            unreachable_hold_seconds,
            window_seconds,
            min_requests,
            min_availability_percent,
            max_error_percent,
            max_latency_p95_milliseconds,
        } = &self.health;
        let whole = [
            hold_seconds,
            unreachable_hold_seconds,
            window_seconds,
            min_requests,
            max_latency_p95_milliseconds,
        ];
        let parts = [min_availability_percent, max_error_percent].map(|percent| percent.to_bits());
        let bytes = whole.into_iter().flat_map(|number| number.to_be_bytes());
        let bytes = bytes.chain(parts.into_iter().flat_map(u64::to_be_bytes));
        format!("{:016x}", stable(names.chain(bytes)))
    }

    /// Whether the region is of this priority.
    #[must_use]
    pub fn contains(&self, region: &str) -> bool {
        self.names().any(|name| name == region)
    }
}
