//! What would move a region's traffic from where it is.

use spillway_crds::region_priority::{Intent, Mode, Verdict};

use crate::report::{Priority, Region};

/// In sentences, the likeliest first.
pub(super) fn of(priority: &Priority, region: &Region) -> Vec<String> {
    let name = &region.status.name;
    if !region.status.command.is_empty() {
        let until = "until its command ends, or somebody says undrain, unpin or unfreeze";
        return vec![format!("nothing that a verdict says, {until}")];
    }
    match (region.intent, region.status.verdict) {
        (Intent::Auto, Verdict::Unknown) => {
            vec!["gateways that the hub hears; until then this may be old".to_owned()]
        }
        (Intent::Auto, Verdict::Healthy) => {
            let mut all = leaves(priority);
            all.push(format!("people: kubectl spillway drain {name} --for 30m --reason WHY"));
            all
        }
        (Intent::Auto, Verdict::Suspected) => {
            let hold = priority.health.hold_seconds;
            vec![
                format!(
                    "its traffic leaves when this lasts {hold} s, if another region is within its bounds"
                ),
                "nothing leaves if it is within its bounds again before".to_owned(),
            ]
        }
        (Intent::Auto, Verdict::Degraded) => {
            let hold = priority.recovery.hold_seconds;
            vec![format!(
                "it comes home in steps {:?} % after {hold} s within its bounds (longer after each relapse)",
                priority.recovery.steps_percent
            )]
        }
        (Intent::Auto, Verdict::Recovering) => vec![
            format!(
                "every {} s another step of {:?} % comes home",
                priority.recovery.step_seconds, priority.recovery.steps_percent
            ),
            "out of its bounds again, and all leaves at once".to_owned(),
        ],
        (intent, _) => vec![format!("people: its intent in the RegionPriority is {intent:?}")],
    }
}

fn leaves(priority: &Priority) -> Vec<String> {
    let health = &priority.health;
    let others = priority.regions.len().saturating_sub(1);
    let mut all = vec![format!(
        "for {} s: P95 over {} ms, or over {}% errors, or under {}% of probes good",
        health.hold_seconds,
        health.max_latency_p95_milliseconds,
        health.max_error_percent,
        health.min_availability_percent
    )];
    match others {
        0 => all.push("nothing: there is no other region to go to".to_owned()),
        1 => all.push(
            "its front door, when the other region and a witness agree that it cannot be reached, for twice \
             the hold"
                .to_owned(),
        ),
        _ => all.push(format!(
            "its front door, when {} of {others} other regions cannot reach it for {} s",
            others / 2 + 1,
            health.unreachable_hold_seconds
        )),
    }
    if priority.mode == Mode::Ordered && others > 0 {
        all.push("in mode Ordered: a region before it that is well again takes its traffic".to_owned());
    }
    all
}
