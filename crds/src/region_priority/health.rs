//! When a region is unwell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Percent;
use crate::schema::{percent, rule};

/// The bounds of a well region, and how long they must be broken before traffic leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "self.unreachableHoldSeconds <= self.holdSeconds",
    "unreachableHoldSeconds must be from 1 to holdSeconds",
)]))]
pub struct Health {
    /// Seconds of uninterrupted bad evidence after which a region is Degraded; 1 to 3600.
    #[schemars(range(min = 1, max = 3600))]
    pub hold_seconds: u32,
    /// The same for a front door that a quorum of the other regions cannot reach at all; 1 to
    /// `holdSeconds`.
    #[schemars(range(min = 1, max = 3600))]
    pub unreachable_hold_seconds: u32,
    /// Seconds of requests and probes that are looked at together, of probes at least 3; 1 to 300.
    #[schemars(range(min = 1, max = 300))]
    pub window_seconds: u32,
    /// Requests in a window below which their error rate and latency say nothing; 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_requests: u32,
    /// Percent of probes that must succeed, as a decimal string; "0" to "100".
    #[schemars(extend("x-kubernetes-validations" = [percent("minAvailabilityPercent")]))]
    pub min_availability_percent: Percent,
    /// Percent of requests that may fail, as a decimal string; "0" to "100". A 4xx is not a failure.
    #[schemars(extend("x-kubernetes-validations" = [percent("maxErrorPercent")]))]
    pub max_error_percent: Percent,
    /// Milliseconds from the request to the head of the response, that 95 percent of requests must keep;
    /// 1 to 600000.
    #[schemars(range(min = 1, max = 600_000))]
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
