//! Step five: what became of it, as a status. Pure: whereabouts in, status out.

use std::collections::BTreeSet;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use spillway_crds::{
    FederatedIngressStatus,
    federated_ingress::{FailingMember, MemberCounts},
};
use spillway_placement::State;

use super::{dereference::Dereferenced, validate::Invalid};
use crate::{
    conditions::{Conditions, Is},
    federation::Federation,
    ledger::{Failure, Rows},
    member::Member,
    object::{Kind, copy_name},
};

/// Most failing members that a status lists.
const MAX_FAILING: usize = 32;

/// The reason of a member whose gateway cannot serve all of its copy.
const REJECTED: &str = "RouteRejected";

/// Where an object stands on one member.
#[derive(Debug, Clone)]
pub(crate) struct Whereabouts {
    /// The member.
    pub(crate) member: String,
    /// Since when it does not answer, if it does not.
    pub(crate) unreachable: Option<Timestamp>,
    /// What is wanted is seen there.
    pub(crate) in_step: bool,
    /// A gateway there has loaded the priority.
    pub(crate) served: bool,
    /// A copy of ours is, or may be, there.
    pub(crate) left: bool,
    /// What does not work.
    pub(crate) failure: Option<Failure>,
    /// What a gateway there cannot serve of it.
    pub(crate) rejected: Option<String>,
}

impl Whereabouts {
    /// Where an object, governed by `priority`, stands on `member`.
    pub(crate) fn of(f: &Federation, member: &Member, rows: &Rows<'_>, priority: &str) -> Self {
        let copy = copy_name(Kind::Ingress, rows.key.name(), member.in_place);
        let copy = format!("{}/{copy}", rows.key.namespace());
        Self {
            member: member.name.clone(),
            unreachable: member.unreachable_since(),
            in_step: rows.get(member).is_some_and(|row| row.state() == State::InStep),
            served: f.board.serves(&member.name, priority),
            left: !member.has_lost(rows.key, &f.hub_uid),
            failure: f.failures.get(rows.key, &member.name),
            rejected: f.board.rejected(&member.name, &copy),
        }
    }

    fn failing(&self, deleting: bool, now: Timestamp) -> Option<FailingMember> {
        let (reason, message, since) = match (self.unreachable, &self.failure) {
            (Some(since), _) if deleting || !self.in_step => {
                let what =
                    if deleting { "its copy cannot be removed yet" } else { "its copy cannot be written" };
                ("Unreachable", format!("the member does not answer; {what}"), since)
            }
            (_, Some(failure)) => (failure.reason, failure.message.clone(), failure.since),
            _ => (REJECTED, self.rejected.clone()?, now),
        };
        Some(FailingMember {
            member: self.member.clone(),
            reason: reason.into(),
            message,
            since: Time(since),
        })
    }
}

/// The status of a federated ingress.
pub(crate) fn status(
    refs: &Dereferenced,
    targets: &Result<BTreeSet<String>, Invalid>,
    all: &[Whereabouts],
    now: Timestamp,
) -> FederatedIngressStatus {
    let federated = &refs.federated;
    let deleting = federated.metadata.deletion_timestamp.is_some();
    let concerns = |place: &&Whereabouts| match targets {
        Ok(targets) => targets.contains(&place.member) || (deleting && place.left),
        Err(_) => place.failure.is_some(),
    };
    let places: Vec<_> = all.iter().filter(concerns).collect();
    let mut failing: Vec<_> = places.iter().filter_map(|place| place.failing(deleting, now)).collect();
    failing.truncate(MAX_FAILING);
    keep_since(&mut failing, federated.status.as_ref().map_or(&[], |status| &status.failing));
    let count = |holds: fn(&Whereabouts) -> bool| {
        u32::try_from(places.iter().filter(|place| holds(place)).count()).unwrap_or(u32::MAX)
    };
    let desired = if deleting { 0 } else { targets.as_ref().map_or(0, |targets| small(targets.len())) };
    let members = MemberCounts {
        desired,
        applied: count(|place| place.in_step),
        ready: count(|place| place.in_step && place.served && place.rejected.is_none()),
    };
    let before = federated.status.as_ref().map_or(&[][..], |status| &status.conditions);
    FederatedIngressStatus {
        observed_generation: federated.metadata.generation,
        conditions: conditions(before, federated.metadata.generation, targets, members, &failing, now),
        members,
        failing,
    }
}

fn conditions(
    before: &[Condition],
    generation: Option<i64>,
    targets: &Result<BTreeSet<String>, Invalid>,
    members: MemberCounts,
    failing: &[FailingMember],
    now: Timestamp,
) -> Vec<Condition> {
    let mut conditions = Conditions::new(before, generation, now);
    match targets {
        Ok(_) => conditions.set("Accepted", Is::True, "Accepted", "").set(
            "ResolvedRefs",
            Is::True,
            "ResolvedRefs",
            "",
        ),
        Err(Invalid::Unresolved { reason, message }) => conditions
            .set("Accepted", Is::True, "Accepted", "")
            .set("ResolvedRefs", Is::False, reason, message.as_str()),
        Err(Invalid::Refused { reason, message }) => conditions
            .set("Accepted", Is::False, reason, message.as_str())
            .set("ResolvedRefs", Is::True, "ResolvedRefs", ""),
    };
    let all = |part: u32| targets.is_ok() && part >= members.desired;
    let who = failing.iter().map(|failing| format!("{}: {}", failing.member, failing.reason));
    let who = who.collect::<Vec<_>>().join(", ");
    let reason = |part| match (all(part), failing.is_empty()) {
        (true, _) => "AllMembers",
        (false, true) => "Pending",
        (false, false) => "MembersFailing",
    };
    let of = |part: u32, done: &str| format!("{part} of {} members {done}. {who}", members.desired);
    let text = |part, done| of(part, done).trim_end_matches([' ', '.']).to_owned();
    conditions
        .set(
            "Propagated",
            all(members.applied).into(),
            reason(members.applied),
            text(members.applied, "have it"),
        )
        .set("Programmed", all(members.ready).into(), reason(members.ready), text(members.ready, "serve it"));
    let foreign: Vec<_> = failing.iter().filter(|failing| failing.reason == "Conflict").collect();
    let stories = foreign.iter().map(|failing| format!("{}: {}", failing.member, failing.message));
    let is = Is::from(!foreign.is_empty());
    let reason = if foreign.is_empty() { "NoConflict" } else { "ForeignObject" };
    conditions.set("Conflicted", is, reason, stories.collect::<Vec<_>>().join("; "));
    conditions.done()
}

/// What a gateway cannot serve is told anew each second, and with no time: it began when it was first written.
fn keep_since(failing: &mut [FailingMember], before: &[FailingMember]) {
    for new in failing.iter_mut().filter(|new| new.reason == REJECTED) {
        let old = before.iter().find(|old| (&old.member, &old.reason) == (&new.member, &new.reason));
        new.since = old.map_or_else(|| new.since.clone(), |old| old.since.clone());
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;
    use spillway_crds::FederatedIngress;

    use super::{Dereferenced, Failure, Whereabouts, status};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn place(member: &str) -> Whereabouts {
        Whereabouts {
            member: member.into(),
            unreachable: None,
            in_step: true,
            served: true,
            left: true,
            failure: None,
            rejected: None,
        }
    }

    #[test]
    fn says_who_fails_and_why() {
        let federated = json!({"metadata": {"name": "x", "generation": 3},
                               "spec": {"template": {"spec": {}}, "regionPriority": "p"}});
        let federated = Arc::new(serde_json::from_value(federated).unwrap());
        let refs = Dereferenced { federated, priority: None, clusters: Vec::new() };
        let targets = Ok(["a", "b", "c"].map(str::to_owned).into());
        let conflict = Failure { reason: "Conflict", message: "foreign".into(), since: at(1) };
        let places = [
            place("a"),
            Whereabouts { in_step: false, unreachable: Some(at(5)), ..place("b") },
            Whereabouts { in_step: false, failure: Some(conflict), ..place("c") },
            place("elsewhere"),
        ];
        let status = status(&refs, &targets, &places, at(9));
        assert_eq!((status.members.desired, status.members.applied, status.members.ready), (3, 1, 1));
        let failing: Vec<_> = status.failing.iter().map(|f| (f.member.as_str(), f.reason.as_str())).collect();
        assert_eq!(failing, [("b", "Unreachable"), ("c", "Conflict")]);
        let is = |kind: &str| {
            let condition = status.conditions.iter().find(|condition| condition.type_ == kind).unwrap();
            (condition.status.as_str(), condition.message.as_str())
        };
        assert_eq!(is("Propagated"), ("False", "1 of 3 members have it. b: Unreachable, c: Conflict"));
        assert_eq!(is("Conflicted"), ("True", "c: foreign"));
        assert_eq!(is("Accepted").0, "True");
        assert_eq!(status.observed_generation, Some(3));
    }

    #[test]
    fn says_what_a_gateway_cannot_serve_and_since_when() {
        let object = json!({"metadata": {"name": "x", "generation": 3},
                            "spec": {"template": {"spec": {}}, "regionPriority": "p"}});
        let mut federated: FederatedIngress = serde_json::from_value(object).unwrap();
        let places =
            [place("a"), Whereabouts { rejected: Some("host web.example: taken".into()), ..place("b") }];
        let targets = Ok(["a", "b"].map(str::to_owned).into());
        for now in [at(1), at(9)] {
            let refs =
                Dereferenced { federated: Arc::new(federated.clone()), priority: None, clusters: Vec::new() };
            let told = status(&refs, &targets, &places, now);
            assert_eq!((told.members.applied, told.members.ready), (2, 1));
            let row = &told.failing[0];
            assert_eq!(
                (row.reason.as_str(), row.message.as_str()),
                ("RouteRejected", "host web.example: taken")
            );
            assert_eq!(row.since.0, at(1));
            federated.status = Some(told);
        }
    }
}
