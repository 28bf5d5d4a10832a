//! How traffic leaves a region and how it comes home: both in steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{ascending, ends_whole, rule};

/// How traffic leaves a Degraded region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Shift {
    /// Percent of the region's arrivals that other regions serve, step by step: 1 to 10 steps, ascending,
    /// the last is 100.
    #[schemars(
        length(min = 1, max = 10),
        inner(range(min = 1, max = 100)),
        extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = [ascending("stepsPercent"), ends_whole("stepsPercent")])
    )]
    pub steps_percent: Vec<u32>,
    /// Seconds between two steps; 1 to 3600.
    #[schemars(range(min = 1, max = 3600))]
    pub step_seconds: u32,
    /// How many regions may be without traffic at one time. Beyond it, traffic stays (fail
    /// open); 1 to 63.
    #[schemars(range(min = 1, max = 63))]
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
#[schemars(extend("x-kubernetes-validations" = [rule(
    "self.holdSeconds <= self.maxHoldSeconds",
    "holdSeconds must be from 1 to maxHoldSeconds",
)]))]
pub struct Recovery {
    /// Seconds of uninterrupted good evidence before the first step home, times the failures that no ten
    /// quiet minutes have forgotten; 1 to `maxHoldSeconds`.
    #[schemars(range(min = 1, max = 86400))]
    pub hold_seconds: u32,
    /// The longest that `holdSeconds` may grow to; 1 to 86400.
    #[schemars(range(min = 1, max = 86400))]
    pub max_hold_seconds: u32,
    /// Percent of the region's arrivals that it serves itself again, step by step: 1 to 10 steps,
    /// ascending, the last is 100.
    #[schemars(
        length(min = 1, max = 10),
        inner(range(min = 1, max = 100)),
        extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = [ascending("stepsPercent"), ends_whole("stepsPercent")])
    )]
    pub steps_percent: Vec<u32>,
    /// Seconds between two steps; 1 to 3600.
    #[schemars(range(min = 1, max = 3600))]
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
