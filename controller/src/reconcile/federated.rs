//! A federated ingress: its finalizer, which members are asked for a change, its end, and its status.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{ResourceExt, api::ApiResource};
use serde_json::json;
use spillway_crds::{FederatedIngress, names::FINALIZER};
use spillway_decide::plan::Want;

use super::{
    dereference::{Dereferenced, dereference},
    front_door,
    status::{self, Whereabouts},
    validate::targets,
    want,
};
use crate::{
    apply::{WriteError, dynamic},
    federation::Federation,
    hub::Name,
    ledger::Rows,
    object::Kind,
    queue::Outcome,
};

/// How soon to look again at members that are being listed.
const SETTLE: Duration = Duration::from_millis(200);

/// One round for the federated ingress `name`.
pub(crate) async fn federated(f: &Federation, name: &Name) -> Outcome {
    if !f.hub.synced() {
        return Outcome::Again(Duration::from_millis(100));
    }
    let key = Kind::Ingress.key(&name.namespace, &name.name);
    let mut rows = Rows::of(&f.placement, &key);
    ask_members(f, &mut rows);
    let Some(refs) = dereference(&f.hub, name) else { return Outcome::Done };
    let settling = !all_met(f) || f.members.all().iter().any(|member| member.is_settling());
    let done = match (refs.federated.metadata.deletion_timestamp.is_some(), has_finalizer(&refs.federated)) {
        (true, false) => Ok(()),
        (false, false) => set_finalizers(f, &refs.federated, true).await,
        (_, true) if settling => return Outcome::Again(SETTLE),
        (true, true) => end(f, &refs, &rows).await,
        (false, true) => write_status(f, &refs, &rows).await,
    };
    match done {
        Ok(()) => Outcome::Done,
        Err(error) if error.is_not_found() => Outcome::Done,
        Err(error) => {
            tracing::warn!(federated = %name, %error, "could not write a FederatedIngress");
            Outcome::Failed
        }
    }
}

/// Whether every member that the hub names was met in this term: one that was not may have copies.
fn all_met(f: &Federation) -> bool {
    f.hub.clusters.keys().iter().all(|cluster| f.members.get(&cluster.name).is_some())
}

/// Asks each member where what is wanted differs from what was wanted before, and notes it, so that status is
/// right also about members that cannot be asked. A member that fails comes back by itself and is not hurried.
fn ask_members(f: &Federation, rows: &mut Rows<'_>) {
    for member in f.members.all() {
        let row = rows.get(&member);
        let wanted = want(f, &member, rows.key);
        let fingerprint = wanted.copy.map(|copy| copy.fingerprint);
        if row.and_then(|row| row.desired) != fingerprint && wanted.want != Want::Undecided {
            // Where a row does not fit, whoever places the object says so.
            let _ = rows.record(&member, |row| row.desired = fingerprint);
            member.queue.add(rows.key.clone());
        } else if fingerprint.is_some() && front_door::lacking(f, &member, rows.key).is_some() {
            member.queue.add(rows.key.clone());
        }
    }
}

/// The end: the finalizer goes when every member is known to have nothing of ours left. A member that was never
/// listed in this term is not known, and a selection that cannot be told leaves out nobody.
async fn end(f: &Federation, refs: &Dereferenced, rows: &Rows<'_>) -> Result<(), WriteError> {
    let key = rows.key;
    let mut left = BTreeSet::new();
    let selected = targets(refs).ok();
    for member in f.members.all() {
        let concerned = selected.as_ref().is_none_or(|selected| selected.contains(&member.name))
            || rows.get(&member).is_some()
            || !member.cache(Kind::Ingress).was_listed();
        if concerned && !member.has_lost(key, &f.hub_uid) {
            member.queue.add(key.clone());
            left.insert(member.name.clone());
        }
    }
    if left.is_empty() {
        tracing::info!(federated = %Name::of_key(key), "its copies are gone");
        return set_finalizers(f, &refs.federated, false).await;
    }
    write_status(f, refs, rows).await
}

async fn write_status(f: &Federation, refs: &Dereferenced, rows: &Rows<'_>) -> Result<(), WriteError> {
    let members = f.members.all();
    let whereabouts: Vec<_> = members
        .iter()
        .map(|member| Whereabouts::of(f, member, rows, &refs.federated.spec.region_priority))
        .collect();
    let new = status::status(refs, &targets(refs), &whereabouts, Timestamp::now());
    if refs.federated.status.as_ref() == Some(&new) {
        return Ok(());
    }
    let name = Name::of_key(rows.key);
    let resource = ApiResource::erase::<FederatedIngress>(&());
    f.writer.status(&f.client, &resource, Some(&name.namespace), &name.name, &new).await
}

fn has_finalizer(federated: &FederatedIngress) -> bool {
    federated.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Puts our finalizer there or takes it away, if nobody changed the object meanwhile.
async fn set_finalizers(f: &Federation, federated: &FederatedIngress, ours: bool) -> Result<(), WriteError> {
    let others = federated.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned();
    let finalizers: Vec<_> = others.chain(ours.then(|| FINALIZER.to_owned())).collect();
    let patch =
        json!({"metadata": {"resourceVersion": federated.resource_version(), "finalizers": finalizers}});
    let resource = ApiResource::erase::<FederatedIngress>(&());
    let api = dynamic(&f.client, &resource, federated.namespace().as_deref());
    match f.writer.merge(&api, &federated.name_any(), &patch).await {
        Err(error) if error.is_conflict() => Ok(()), // the newer version is on its way to us
        done => done.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::federated;
    use crate::{
        federation::Federation,
        fixture::{Asked, client, cluster, done, federation, listed},
        hub::Name,
        member::{Member, Reach},
        queue::Outcome,
    };

    fn ending() -> Value {
        let mut object = crate::fixture::federated("web");
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        object
    }

    fn web() -> Name {
        Name { namespace: "ns".into(), name: "web".into() }
    }

    fn lets_go(asked: &Asked) -> bool {
        asked.lock().iter().any(|(_, _, body)| body["metadata"]["finalizers"] == json!([]))
    }

    fn ends_with_a_member() -> (Arc<Federation>, Asked) {
        let (client, asked) = client(done);
        let f = federation(&client);
        listed(&f.hub.federated, [ending()]);
        listed(&f.hub.clusters, [cluster("sz", "shenzhen")]);
        (f, asked)
    }

    #[tokio::test]
    async fn lets_nothing_go_before_every_member_was_met() {
        let (f, asked) = ends_with_a_member();
        assert!(matches!(federated(&f, &web()).await, Outcome::Again(_)));
        assert!(!lets_go(&asked), "{asked:?}");
    }

    #[tokio::test]
    async fn a_member_that_was_never_listed_may_have_a_copy() {
        let (f, asked) = ends_with_a_member();
        let member = Arc::new(Member::new("sz", "shenzhen", false, f.placement.join("sz").ok()));
        member.update_health(|health| health.reach = Reach::Silent("cut".into()));
        f.members.join(member, String::new(), CancellationToken::new());
        assert_eq!(federated(&f, &web()).await, Outcome::Done);
        assert!(!lets_go(&asked), "{asked:?}");
    }

    #[tokio::test]
    async fn ends_when_no_member_has_a_copy() {
        let (client, asked) = client(done);
        let f = federation(&client);
        listed(&f.hub.federated, [ending()]);
        assert_eq!(federated(&f, &web()).await, Outcome::Done);
        assert!(lets_go(&asked), "{asked:?}");
    }
}
