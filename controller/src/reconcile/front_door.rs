//! Where a copy is served: its `status.loadBalancer` names its member's front door, as ingress controllers write it, so
//! that `kubectl get ingress` there shows an address and what publishes addresses finds one.

use std::net::IpAddr;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use spillway_placement::ObjectKey;

use crate::{federation::Federation, hub::Name, member::Member, object::Kind};

/// The status that the copy seen on `member` lacks; None where it is right, not seen, or no Ingress.
pub(crate) fn lacking(f: &Federation, member: &Member, key: &ObjectKey) -> Option<(DynamicObject, Value)> {
    if Kind::of(key) != Some(Kind::Ingress) {
        return None;
    }
    let cluster = f.hub.clusters.get(&Name::cluster(&member.name))?;
    let seen = member.cache(Kind::Ingress).get(key)?;
    let status = status(&cluster.spec.front_door.addresses);
    (seen.data["status"] != status).then(|| ((*seen).clone(), status))
}

fn status(addresses: &[IpAddr]) -> Value {
    let addresses: Vec<_> = addresses.iter().map(|address| json!({"ip": address})).collect();
    json!({"loadBalancer": {"ingress": addresses}})
}
