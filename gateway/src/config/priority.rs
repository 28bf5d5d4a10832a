//! `RegionPriority` as `decide` reads it: the same values, numbers where the API has decimal strings.

use std::collections::BTreeMap;

use spillway_crds::{RegionPrioritySpec, region_priority as api};
use spillway_decide as decide;

/// Reads one priority. A percentage that an older schema let through takes its default.
pub(crate) fn read(spec: &RegionPrioritySpec) -> decide::Priority {
    decide::Priority {
        enforcement: match spec.enforcement {
            api::Enforcement::Enforce => decide::Enforcement::Enforce,
            api::Enforcement::Observe => decide::Enforcement::Observe,
        },
        mode: match spec.mode {
            api::Mode::Ordered => decide::Mode::Ordered,
            api::Mode::Local => decide::Mode::Local,
        },
        regions: spec.regions.iter().map(read_region).collect(),
        health: read_health(&spec.health),
        shift: decide::Shift {
            steps_percent: spec.shift.steps_percent.clone(),
            step_seconds: spec.shift.step_seconds,
            max_drained_regions: spec.shift.max_drained_regions,
        },
        recovery: decide::Recovery {
            hold_seconds: spec.recovery.hold_seconds,
            max_hold_seconds: spec.recovery.max_hold_seconds,
            steps_percent: spec.recovery.steps_percent.clone(),
            step_seconds: spec.recovery.step_seconds,
        },
        dns: decide::Dns {
            zone: spec.dns.zone.clone(),
            ttl_seconds: spec.dns.ttl_seconds,
            suspect_ttl_seconds: spec.dns.suspect_ttl_seconds,
        },
        witnesses: spec.witnesses.clone(),
        orders: BTreeMap::default(),
    }
}

fn read_region(region: &api::Region) -> decide::PriorityRegion {
    decide::PriorityRegion {
        name: region.name.clone(),
        intent: match region.intent {
            api::Intent::Auto => decide::Intent::Auto,
            api::Intent::Drained => decide::Intent::Drained,
            api::Intent::Pinned => decide::Intent::Pinned,
        },
    }
}

fn read_health(health: &api::Health) -> decide::Health {
    let usual = decide::Health::default();
    decide::Health {
        hold_seconds: health.hold_seconds,
        unreachable_hold_seconds: health.unreachable_hold_seconds,
        window_seconds: health.window_seconds,
        min_requests: health.min_requests,
        min_availability_percent: health
            .min_availability_percent
            .value()
            .unwrap_or(usual.min_availability_percent),
        max_error_percent: health.max_error_percent.value().unwrap_or(usual.max_error_percent),
        max_latency_p95_milliseconds: health.max_latency_p95_milliseconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides default every field, and must do so to the same values.
    #[test]
    fn defaults_are_the_same_on_both_sides() {
        assert_eq!(read(&RegionPrioritySpec::default()), decide::Priority::default());
    }

    #[test]
    fn what_people_set_arrives() {
        let spec: RegionPrioritySpec = serde_json::from_value(serde_json::json!({
            "enforcement": "Observe", "mode": "Local",
            "regions": [{"name": "a", "intent": "Drained"}, {"name": "b", "intent": "Pinned"}],
            "health": {"holdSeconds": 3, "maxErrorPercent": "2.5", "minAvailabilityPercent": "nonsense"},
            "shift": {"stepsPercent": [50, 100]}, "recovery": {"maxHoldSeconds": 9},
            "dns": {"zone": "z.example", "suspectTTLSeconds": 1}, "witnesses": ["192.0.2.1:53"],
        }))
        .unwrap();
        let read = read(&spec);
        assert_eq!(read.enforcement, decide::Enforcement::Observe);
        assert_eq!(read.mode, decide::Mode::Local);
        assert_eq!(read.intent("a"), decide::Intent::Drained);
        assert_eq!(read.intent("b"), decide::Intent::Pinned);
        let usual = decide::Health::default();
        let health = decide::Health { hold_seconds: 3, max_error_percent: 2.5, ..usual };
        assert_eq!(read.health, health, "nonsense takes its default");
        assert_eq!((read.shift.steps_percent, read.recovery.max_hold_seconds), (vec![50, 100], 9));
        assert_eq!((read.dns.zone.as_deref(), read.dns.suspect_ttl_seconds), (Some("z.example"), 1));
        assert_eq!(read.witnesses, ["192.0.2.1:53"]);
    }
}
