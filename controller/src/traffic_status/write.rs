//! Writing the mirror: a change of verdict or shares at once, figures every ten seconds; an event for every
//! verdict that changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use kube::{ResourceExt, api::ApiResource};
use spillway_crds::{
    RegionPriority, RegionPriorityStatus,
    region_priority::{RegionStatus, Verdict},
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::aggregate::{Heard, is_significant, status};
use crate::federation::Federation;

const FIGURES_EVERY: Duration = Duration::from_secs(10);
/// How long the first round of questions may take.
const SETTLING: Duration = Duration::from_secs(3);
/// Priorities age without news: silence is news after a while.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was written in this term.
struct Written {
    status: RegionPriorityStatus,
    at: Instant,
}

/// Mirrors until cancelled.
pub(crate) async fn mirror(f: Arc<Federation>, cancel: CancellationToken) {
    let mut written: BTreeMap<String, Written> = BTreeMap::new();
    let began = Instant::now();
    let mirroring = async {
        loop {
            let _ = timeout(LOOK_EVERY, f.board.news.notified()).await;
            let reports = f.board.fresh();
            if reports.len() < f.hub.clusters.len() && began.elapsed() < SETTLING {
                continue; // a predecessor's status shall not flicker while gateways are asked for the first time
            }
            let priorities = f.hub.priorities.values();
            let there: BTreeSet<_> = priorities.iter().map(|priority| priority.name_any()).collect();
            written.retain(|name, _| there.contains(name));
            for priority in priorities {
                let heard = Heard::of(&priority.name_any(), &reports);
                one(&f, &priority, &heard, &mut written).await;
            }
        }
    };
    let _ = cancel.run_until_cancelled(Box::pin(mirroring)).await;
}

async fn one(
    f: &Federation,
    priority: &RegionPriority,
    heard: &[Heard<'_>],
    written: &mut BTreeMap<String, Written>,
) {
    let name = priority.name_any();
    let last = written.get(&name);
    let before = last.map_or_else(|| priority.status.clone().unwrap_or_default(), |last| last.status.clone());
    let new = status(priority, &before, heard, Timestamp::now());
    let due = last.is_none_or(|last| last.at.elapsed() >= FIGURES_EVERY) && before != new;
    if !due && !is_significant(&before, &new) {
        return;
    }
    let resource = ApiResource::erase::<RegionPriority>(&());
    match f.writer.status(&f.client, &resource, None, &name, &new).await {
        Ok(()) => {
            tell(f, priority, &before, &new).await;
            written.insert(name, Written { status: new, at: Instant::now() });
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => {
            tracing::warn!(priority = name, %error, "could not write the status of a RegionPriority");
        }
    }
}

async fn tell(
    f: &Federation,
    priority: &RegionPriority,
    before: &RegionPriorityStatus,
    new: &RegionPriorityStatus,
) {
    tell_moves(f, priority, before, new).await;
    for row in &new.regions {
        let old = before.regions.iter().find(|old| old.name == row.name);
        tell_commands(f, priority, old.map_or("", |old| old.command.as_str()), row).await;
        let old = old.map(|old| old.verdict).unwrap_or_default();
        if old == row.verdict {
            continue;
        }
        f.metrics.verdict_changes.inc();
        let note = format!("{}: {old:?} → {:?}: {}", row.name, row.verdict, row.reason);
        tracing::info!(priority = priority.name_any(), region = row.name, from = ?old, to = ?row.verdict,
                       reason = row.reason, "verdict");
        let reason = format!("Region{:?}", row.verdict);
        if matches!(row.verdict, Verdict::Suspected | Verdict::Degraded) {
            f.events.warn(priority, &reason, "Observe", &note).await;
        } else {
            f.events.normal(priority, &reason, "Observe", &note).await;
        }
    }
}

/// That people are sent elsewhere.
async fn tell_moves(
    f: &Federation,
    priority: &RegionPriority,
    before: &RegionPriorityStatus,
    new: &RegionPriorityStatus,
) {
    let (Some(from), Some(to)) = (&before.active, &new.active) else { return };
    if from != to {
        let left = new.regions.iter().find(|row| row.name == *from);
        let why = left.map_or("", |row| row.reason.as_str());
        let note = format!("{from} → {to}: most gateways' DNS sends people to {to}; {from}: {why}");
        f.events.normal(priority, "ActiveRegionChanged", "Observe", &note).await;
    }
}

/// What people command at gateways, and that it is over.
async fn tell_commands(f: &Federation, priority: &RegionPriority, old: &str, row: &RegionStatus) {
    let (name, new) = (&row.name, &row.command);
    if old == new {
        return;
    }
    if new.is_empty() {
        let note = format!("{name} is no longer {old}");
        f.events.normal(priority, "CommandEnded", "Command", &note).await;
    } else {
        f.events.normal(priority, "RegionCommanded", "Command", &format!("{name} is {new}")).await;
    }
}
