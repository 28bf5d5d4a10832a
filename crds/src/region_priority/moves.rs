//! How traffic leaves a region and how it comes home: both in steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How traffic leaves a Degraded region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Shift {
    /// Percent of the region's arrivals that other regions serve, step by step: ascending, up to 100.
    pub steps_percent: Vec<u32>,
    /// Seconds between two steps.
    pub step_seconds: u32,
    /// How many regions may be without traffic at one time. Beyond it, traffic stays (fail open).
    pub max_drained_regions: u32,
}

impl Default for Shift {
    fn default() -> Self {
        Self { steps_percent: vec![10, 65, 100], step_seconds: 1, max_drained_regions: 1 }
    }
}

/// How traffic comes home to a region that is well again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Recovery {
    /// Seconds of uninterrupted good evidence before the first step home. Doubles with each relapse.
    pub hold_seconds: u32,
    /// The longest that `holdSeconds` may grow to.
    pub max_hold_seconds: u32,
    /// Percent of the region's arrivals that it serves itself again, step by step: ascending, up to 100.
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
