//! The status of a `MemberCluster`.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{ResourceExt, api::ApiResource};
use spillway_crds::{MemberCluster, MemberClusterStatus, member_cluster::GatewayStatus};

use crate::{
    apply::WriteError,
    conditions::{Conditions, Is},
    federation::Federation,
    member::{Health, Member, Reach},
    object::Kind,
};

/// How old `lastSeen` may become while the member answers; it is asked every two seconds, so people see ten.
const LAST_SEEN_SECONDS: i64 = 8;

/// Writes the status if it changed.
pub(crate) async fn write(f: &Federation, cluster: &MemberCluster) -> Result<(), WriteError> {
    let name = cluster.name_any();
    let Some(member) = f.members.get(&name) else { return Ok(()) };
    let gateways = f.board.gateways(&name);
    let new = status(cluster, &member, &member.health(), gateways, Timestamp::now());
    if cluster.status.as_ref() == Some(&new) {
        return Ok(());
    }
    tell(f, cluster, &new).await;
    f.writer.status(&f.client, &ApiResource::erase::<MemberCluster>(&()), None, &name, &new).await
}

async fn tell(f: &Federation, cluster: &MemberCluster, new: &MemberClusterStatus) {
    let before = cluster.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let is = |conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition], kind: &str| {
        conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.status.clone())
    };
    for condition in new.conditions.iter().filter(|condition| condition.type_ != "GatewayReady") {
        let (old, new) = (is(before, &condition.type_), Some(condition.status.clone()));
        if old == new || (old.is_none() && condition.status != "True") {
            continue;
        }
        let note = format!("{} is {}: {}", condition.type_, condition.status, condition.message);
        if condition.status == "True" {
            f.events.normal(cluster, &condition.reason, "Observe", &note).await;
        } else {
            f.events.warn(cluster, &condition.reason, "Observe", &note).await;
        }
    }
}

fn status(
    cluster: &MemberCluster,
    member: &Member,
    health: &Health,
    gateways: Vec<GatewayStatus>,
    now: Timestamp,
) -> MemberClusterStatus {
    let old = cluster.status.clone().unwrap_or_default();
    let mut conditions = Conditions::new(&old.conditions, cluster.metadata.generation, now);
    let answers = health.reach == Reach::Answers;
    let (is, reason, message) = match &health.reach {
        Reach::Answers => (Is::True, "Answers", "the member's API server answers".to_owned()),
        Reach::Unasked => (Is::Unknown, "NotAsked", "the member was not asked yet".to_owned()),
        Reach::Silent(why) => (
            Is::Unknown,
            "NoAnswer",
            format!(
                "the member's API server does not answer since {:.0}: {why}. Nothing is deleted; its gateways \
                 serve on with what they have",
                health.since
            ),
        ),
        Reach::Invalid(reason, why) => (Is::False, *reason, why.clone()),
    };
    let (ready, why_ready, ready_message) = readiness(member, health, is, reason, &message);
    conditions.set("Ready", ready, why_ready, ready_message).set_since(
        "Reachable",
        is,
        reason,
        message.clone(),
        health.since,
    );
    if gateways.is_empty() {
        conditions.set("GatewayReady", Is::Unknown, "NoReport", "no gateway of the member answers the hub");
    } else {
        conditions.set("GatewayReady", Is::True, "Reports", "the member's gateways report to the hub");
    }
    MemberClusterStatus {
        observed_generation: cluster.metadata.generation,
        conditions: conditions.done(),
        version: health.version.clone().or(old.version),
        gateways,
        last_seen: last_seen(answers, health.last_seen, old.last_seen),
    }
}

fn readiness<'a>(
    member: &Member,
    health: &Health,
    reachable: Is,
    reason: &'a str,
    message: &str,
) -> (Is, &'a str, String) {
    if reachable != Is::True {
        return (reachable, reason, message.to_owned());
    }
    if let Some(held) = &health.held {
        return (Is::False, "DeletesHeld", held.clone());
    }
    if !member.synced() {
        let kinds = health.blind.iter().map(|(kind, error)| format!("{}: {error}", Kind::name(*kind)));
        let kinds = kinds.collect::<Vec<_>>().join("; ");
        let message = if kinds.is_empty() { "its objects are being listed".to_owned() } else { kinds };
        return (Is::False, "NotSynced", message);
    }
    (Is::True, "Synced", "the hub can write and sees everything of its own there".to_owned())
}

/// Whether people see an old `lastSeen` although the member answered at `seen`.
pub(crate) fn is_stale(shown: Option<&MemberClusterStatus>, seen: Timestamp) -> bool {
    let shown = shown.and_then(|status| status.last_seen.as_ref());
    shown.is_none_or(|shown| seen.as_second() - shown.0.as_second() >= LAST_SEEN_SECONDS)
}

/// Kept still for a while as long as the member answers: each change of it is a write.
fn last_seen(answers: bool, seen: Option<Timestamp>, old: Option<Time>) -> Option<Time> {
    let Some(seen) = seen else { return old };
    let second = Timestamp::from_second(seen.as_second()).unwrap_or(seen);
    match old {
        Some(old) if answers && second.as_second() - old.0.as_second() < LAST_SEEN_SECONDS => Some(old),
        _ => Some(Time(second)),
    }
}
