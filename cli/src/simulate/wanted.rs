//! A priority as `decide` reads it. A percentage that cannot be read takes its default.

use spillway_crds::region_priority as api;
use spillway_decide as decide;

use crate::report::{Priority, Region};

pub(super) fn priority(shown: &Priority) -> decide::Priority {
    let Priority { shift, recovery, dns, .. } = shown;
    decide::Priority {
        enforcement: match shown.enforcement {
            api::Enforcement::Enforce => decide::Enforcement::Enforce,
            api::Enforcement::Observe => decide::Enforcement::Observe,
        },
        mode: match shown.mode {
            api::Mode::Ordered => decide::Mode::Ordered,
            api::Mode::Local => decide::Mode::Local,
        },
        regions: shown.regions.iter().map(region).collect(),
        health: health(shown),
        shift: decide::Shift {
            steps_percent: shift.steps_percent.clone(),
            step_seconds: shift.step_seconds,
            max_drained_regions: shift.max_drained_regions,
        },
        recovery: decide::Recovery {
            hold_seconds: recovery.hold_seconds,
            max_hold_seconds: recovery.max_hold_seconds,
            steps_percent: recovery.steps_percent.clone(),
            step_seconds: recovery.step_seconds,
        },
        dns: decide::Dns {
            zone: dns.zone.clone(),
            ttl_seconds: dns.ttl_seconds,
            suspect_ttl_seconds: dns.suspect_ttl_seconds,
        },
        witnesses: shown.witnesses.clone(),
        ..decide::Priority::default()
    }
}

/// Its bounds.
pub(crate) fn health(shown: &Priority) -> decide::Health {
    let (health, usual) = (&shown.health, decide::Health::default());
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

fn region(region: &Region) -> decide::PriorityRegion {
    decide::PriorityRegion {
        name: region.status.name.clone(),
        intent: match region.intent {
            api::Intent::Auto => decide::Intent::Auto,
            api::Intent::Drained => decide::Intent::Drained,
            api::Intent::Pinned => decide::Intent::Pinned,
        },
    }
}
