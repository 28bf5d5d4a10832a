//! The terms of the story: which region fails, and the times that its `RegionPriority` promises.

use spillway_decide::Priority;

/// What is going to happen, and how long the YAML says that it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The region that is made slow.
    pub region: String,
    /// Every region, first choice first.
    pub regions: Vec<String>,
    /// The bounds, holds and steps that apply.
    pub priority: Priority,
}

impl Terms {
    /// The first of `regions` fails, under the defaults of a `RegionPriority`: what the example's annotation gets.
    #[must_use]
    pub fn of(regions: &[String]) -> Self {
        let region = regions.first().cloned().unwrap_or_default();
        Self { region, regions: regions.to_vec(), priority: Priority::default() }
    }

    /// Seconds of bad evidence until the region is degraded.
    #[must_use]
    pub fn hold(&self) -> f64 {
        f64::from(self.priority.health.hold_seconds)
    }

    /// Seconds from the end of the fault until the last step home, if nothing goes wrong.
    #[must_use]
    pub fn way_home(&self) -> f64 {
        let recovery = &self.priority.recovery;
        let steps = u32::try_from(recovery.steps_percent.len().saturating_sub(1)).unwrap_or(u32::MAX);
        f64::from(recovery.hold_seconds) + f64::from(steps.saturating_mul(recovery.step_seconds))
    }
}
