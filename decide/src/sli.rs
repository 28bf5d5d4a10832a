//! Service level indicators: what a window of requests and probes shows.

use serde::{Deserialize, Serialize};

/// The figures of one window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sli {
    /// Requests in the window.
    pub requests: u64,
    /// Percent of them that failed.
    pub error_percent: f64,
    /// Their 95th percentile, within one percent; at least the bound when more than 5 percent passed it.
    #[serde(rename = "latencyP95Milliseconds")]
    pub latency_p95_milliseconds: u64,
    /// Probes in the window.
    pub probes: u64,
    /// Percent of them that succeeded within the latency bound.
    pub availability_percent: f64,
}
