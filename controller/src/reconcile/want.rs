//! Step four: what the hub wants of one object on one member, now. Asked at the moment of the change, so that
//! nothing old is ever written.

use kube::ResourceExt;
use spillway_crds::{
    federated_ingress::DeletionPolicy,
    names::{FINALIZER, member_identity},
};
use spillway_decide::plan::{Absence, Want};
use spillway_placement::ObjectKey;

use super::{build, dereference::dereference, validate::targets};
use crate::{
    copy::Copy,
    federation::Federation,
    hub::Name,
    identity,
    member::Member,
    object::{Kind, identity_key},
};

/// What is wanted, with the copy if one is.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// For the plan.
    pub(crate) want: Want,
    /// What to write.
    pub(crate) copy: Option<Copy>,
}

impl Wanted {
    fn copy(copy: Copy) -> Self {
        Self { want: Want::Present { fingerprint: copy.fingerprint.bits() }, copy: Some(copy) }
    }

    fn just(want: Want) -> Self {
        Self { want, copy: None }
    }
}

/// What the hub wants of `key` on `member`.
pub(crate) fn want(f: &Federation, member: &Member, key: &ObjectKey) -> Wanted {
    match Kind::of(key) {
        Some(Kind::Ingress) => ingress(f, member, key),
        Some(Kind::RegionPriority) => priority(f, member, key),
        Some(Kind::GatewayPeer) => peer(f, key),
        Some(Kind::Identity) if *key == identity_key(&f.namespace) => own_identity(f, member, key),
        Some(Kind::Identity) | None => Wanted::just(Want::Undecided),
    }
}

fn ingress(f: &Federation, member: &Member, key: &ObjectKey) -> Wanted {
    let Some(refs) = dereference(&f.hub, &Name::of_key(key)) else {
        return Wanted::just(Want::Absent(Absence::Orphaned));
    };
    let federated = &refs.federated;
    if federated.metadata.deletion_timestamp.is_some() {
        return Wanted::just(match federated.spec.deletion_policy {
            DeletionPolicy::Delete => Want::Absent(Absence::Requested),
            DeletionPolicy::Orphan => Want::Released,
        });
    }
    if !federated.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Wanted::just(Want::Undecided);
    }
    match targets(&refs) {
        Ok(targets) if targets.contains(&member.name) => Wanted::copy(build::ingress(&f.hub_uid, federated)),
        Ok(_) => Wanted::just(Want::Absent(Absence::Unselected)),
        Err(_) => Wanted::just(Want::Undecided),
    }
}

/// A priority goes to the members of its regions. It leaves last: not while a copy there still names it, and
/// not when somebody deleted it under the feet of those who use it.
fn priority(f: &Federation, member: &Member, key: &ObjectKey) -> Wanted {
    let Some(priority) = f.hub.priorities.get(&Name::of_key(key)) else {
        let used = !f.hub.users_of(key.name()).is_empty() || member.uses_priority(key.name());
        return Wanted::just(if used { Want::Undecided } else { Want::Absent(Absence::Orphaned) });
    };
    if priority.spec.regions.iter().any(|region| region.name == member.region) {
        return Wanted::copy(build::priority(&f.hub_uid, &priority));
    }
    let used = member.uses_priority(key.name());
    Wanted::just(if used { Want::Undecided } else { Want::Absent(Absence::Unselected) })
}

fn peer(f: &Federation, key: &ObjectKey) -> Wanted {
    match f.hub.clusters.get(&Name::of_key(key)) {
        Some(cluster) if cluster.metadata.deletion_timestamp.is_none() => {
            Wanted::copy(build::peer(&f.hub_uid, &f.name, &cluster))
        }
        _ => Wanted::just(Want::Absent(Absence::Orphaned)),
    }
}

fn own_identity(f: &Federation, member: &Member, key: &ObjectKey) -> Wanted {
    let Some(cluster) = f.hub.clusters.get(&Name::cluster(&member.name)) else {
        return Wanted::just(Want::Undecided);
    };
    let owner = build::owner(&f.hub_uid, &*cluster);
    let seen = member.cache(Kind::Identity).get(key);
    let uri = member_identity(&f.name, &member.region, &member.name);
    match identity::secret(&f.authority, &uri, &member.issued, &owner, seen.as_deref()) {
        Ok(copy) => Wanted::copy(copy),
        Err(error) => {
            tracing::error!(member = member.name, %error, "cannot issue the gateways' identity");
            Wanted::just(Want::Undecided)
        }
    }
}
