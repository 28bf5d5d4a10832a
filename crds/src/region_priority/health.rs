//! When a region is unwell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Percent;

/// The bounds of a well region, and how long they must be broken before traffic leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// Seconds of uninterrupted bad evidence after which a region is Degraded.
    pub hold_seconds: u32,
    /// The same for a front door that a quorum of the other regions cannot reach at all; 1 to
    /// `holdSeconds`.
    pub unreachable_hold_seconds: u32,
    /// Seconds of requests and probes that are looked at together.
    pub window_seconds: u32,
    /// Requests in a window below which their error rate and latency say nothing.
    pub min_requests: u32,
    /// Percent of probes that must succeed, as a decimal string.
    pub min_availability_percent: Percent,
    /// Percent of requests that may fail, as a decimal string. A 4xx is not a failure.
    pub max_error_percent: Percent,
    /// Milliseconds from the request to the head of the response, that 95 percent of requests must keep.
    #[serde(rename = "maxLatencyP95Milliseconds")]
    pub max_latency_p95_milliseconds: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            hold_seconds: 30,
            unreachable_hold_seconds: 5,
            window_seconds: 10,
            min_requests: 20,
            min_availability_percent: "99".into(),
            max_error_percent: "5".into(),
            max_latency_p95_milliseconds: 1500,
        }
    }
}
