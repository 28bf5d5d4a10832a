//! A federated ingress: its finalizer, which members are asked for a change, its end, and its status.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{ResourceExt, api::ApiResource};
use serde_json::json;
use spillway_crds::{FederatedIngress, names::FINALIZER};
use spillway_decide::plan::Want;
use spillway_placement::ObjectKey;

use super::{
    dereference::{Dereferenced, dereference},
    status::{self, Whereabouts},
    validate::targets,
    want,
};
use crate::{
    apply::{WriteError, dynamic},
    federation::Federation,
    hub::Name,
    ledger::record,
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
    ask_members(f, &key);
    let Some(refs) = dereference(&f.hub, name) else { return Outcome::Done };
    let settling = f.members.all().iter().any(|member| member.is_settling());
    let done = match (refs.federated.metadata.deletion_timestamp.is_some(), has_finalizer(&refs.federated)) {
        (true, false) => Ok(()),
        (false, false) => set_finalizers(f, &refs.federated, true).await,
        (_, true) if settling => return Outcome::Again(SETTLE),
        (true, true) => end(f, &refs, &key).await,
        (false, true) => write_status(f, &refs, &key).await,
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

/// Asks each member where what is wanted differs from what was wanted before, and notes it, so that status is
/// right also about members that cannot be asked. A member that fails comes back by itself and is not hurried.
fn ask_members(f: &Federation, key: &ObjectKey) {
    for member in f.members.all() {
        let row = f.placement.get(key, &member.name).ok().flatten();
        let wanted = want(f, &member, key);
        let fingerprint = wanted.copy.map(|copy| copy.fingerprint);
        if row.and_then(|row| row.desired) != fingerprint && wanted.want != Want::Undecided {
            record(&f.placement, key, &member.name, |row| row.desired = fingerprint);
            member.queue.add(key.clone());
        }
    }
}

/// The end: the finalizer goes when every member is known to have nothing of ours left.
async fn end(f: &Federation, refs: &Dereferenced, key: &ObjectKey) -> Result<(), WriteError> {
    let mut left = BTreeSet::new();
    let selected = targets(refs).unwrap_or_default();
    for member in f.members.all() {
        let row = f.placement.get(key, &member.name).ok().flatten();
        let concerned = selected.contains(&member.name) || row.is_some_and(|row| !row.is_empty());
        if concerned && !member.has_lost(key, &f.hub_uid) {
            member.queue.add(key.clone());
            left.insert(member.name.clone());
        }
    }
    if left.is_empty() {
        tracing::info!(federated = %Name::of_key(key), "its copies are gone");
        return set_finalizers(f, &refs.federated, false).await;
    }
    write_status(f, refs, key).await
}

async fn write_status(f: &Federation, refs: &Dereferenced, key: &ObjectKey) -> Result<(), WriteError> {
    let members = f.members.all();
    let whereabouts: Vec<_> = members
        .iter()
        .map(|member| Whereabouts::of(f, member, key, &refs.federated.spec.region_priority))
        .collect();
    let new = status::status(refs, &targets(refs), &whereabouts, Timestamp::now());
    if refs.federated.status.as_ref() == Some(&new) {
        return Ok(());
    }
    let name = Name::of_key(key);
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
