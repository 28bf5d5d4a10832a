//! Step three: the objects that members get. Pure: the hub's objects in, copies out.

use kube::ResourceExt;
use serde_json::{Map, Value, json};
use spillway_crds::{
    FederatedIngress, GatewayPeer, GatewayPeerSpec, MemberCluster, RegionPriority,
    gateway_peer::{PeerFrontDoor, PeerSpill},
    names::{INGRESS_CLASS, annotations, member_identity},
};
use spillway_decide::plan::Owner;

use crate::copy::Copy;

/// The Ingress that members get of a federated ingress.
pub(crate) fn ingress(hub: &str, federated: &FederatedIngress) -> Copy {
    let spec = &federated.spec;
    let mut notes = spec.template.metadata.annotations.clone();
    notes.remove(annotations::REGION_PRIORITY);
    let mut note = |key: &str, value: String| notes.insert(key.to_owned(), value);
    note(annotations::PRIORITY, spec.region_priority.clone());
    let namespace = federated.namespace().unwrap_or_default();
    note(annotations::SOURCE, format!("{namespace}/{}", federated.name_any()));
    note(annotations::SPILL, format!("{:?}", spec.spill));
    if !spec.redirects.aliases.is_empty() {
        note(annotations::REDIRECT_ALIASES, spec.redirects.aliases.join(","));
    }
    if let Some(probe) = &spec.probe {
        note(annotations::PROBE_PATH, probe.path.clone());
    }
    if let Some(host) = spec.probe.as_ref().and_then(|probe| probe.host.clone()) {
        note(annotations::PROBE_HOST, host);
    }
    let mut ingress = spec.template.spec.clone();
    ingress.ingress_class_name = Some(INGRESS_CLASS.into());
    Copy::new(&owner(hub, federated), spec.template.metadata.labels.clone(), notes, payload(&ingress))
}

/// The priority as members get it.
pub(crate) fn priority(hub: &str, priority: &RegionPriority) -> Copy {
    let empty = std::collections::BTreeMap::new;
    Copy::new(&owner(hub, priority), empty(), empty(), payload(&priority.spec))
}

/// What every gateway learns of this member's gateways.
pub(crate) fn peer(hub: &str, federation: &str, cluster: &MemberCluster) -> Copy {
    let (spec, member) = (&cluster.spec, cluster.name_any());
    let peer = GatewayPeer::new(
        &cluster.name_any(),
        GatewayPeerSpec {
            federation: federation.to_owned(),
            region: spec.region.clone(),
            front_door: PeerFrontDoor {
                addresses: spec.front_door.addresses.clone(),
                http_port: spec.front_door.http_port,
            },
            spill: PeerSpill {
                addresses: spec.front_door.addresses.clone(),
                port: spec.front_door.spill_port,
            },
            identity: member_identity(federation, &spec.region, &member),
            capacity: spec.capacity.clone(),
            member,
        },
    );
    let empty = std::collections::BTreeMap::new;
    Copy::new(&owner(hub, cluster), empty(), empty(), payload(&peer.spec))
}

/// The mark of a copy of `source`.
pub(crate) fn owner<K: ResourceExt>(hub: &str, source: &K) -> Owner {
    Owner { hub: hub.to_owned(), source: source.uid().unwrap_or_default() }
}

fn payload(spec: &impl serde::Serialize) -> Map<String, Value> {
    let spec = serde_json::to_value(spec).unwrap_or_default();
    json!({"spec": spec}).as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spillway_crds::{FederatedIngress, MemberCluster};

    use super::{ingress, peer};

    #[test]
    fn a_copy_says_where_it_comes_from() {
        let federated: FederatedIngress = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u"},
            "spec": {
                "template": {"metadata": {"labels": {"team": "x"}, "annotations": {"mine": "1"}},
                             "spec": {"ingressClassName": "nginx", "rules": [{"host": "a"}]}},
                "regionPriority": "p", "redirects": {"aliases": ["b", "c:1"]}, "probe": {"path": "/live"},
                "spill": "SafeMethods",
            },
        }))
        .unwrap();
        let copy = ingress("hub", &federated);
        for (key, value) in [
            ("mine", "1"),
            ("kube-federation.io/priority", "p"),
            ("kube-federation.io/source", "ns/web"),
            ("kube-federation.io/spill", "SafeMethods"),
            ("kube-federation.io/redirect-aliases", "b,c:1"),
            ("kube-federation.io/probe-path", "/live"),
        ] {
            assert_eq!(copy.annotations[key], value, "{key}");
        }
        for (key, value) in [
            ("team", "x"),
            ("app.kubernetes.io/managed-by", "spillway"),
            ("kube-federation.io/hub-uid", "hub"),
            ("kube-federation.io/source-uid", "u"),
        ] {
            assert_eq!(copy.labels[key], value, "{key}");
        }
        assert_eq!(copy.payload["spec"]["ingressClassName"], "spillway");
    }

    #[test]
    fn a_peer_is_known_by_its_identity() {
        let cluster: MemberCluster = serde_json::from_value(json!({
            "metadata": {"name": "sz-1", "uid": "u"},
            "spec": {"region": "shenzhen", "connection": {"inPlace": {}},
                     "frontDoor": {"addresses": ["127.1.1.1"], "httpPort": 8080, "spillPort": 9443}},
        }))
        .unwrap();
        let spec = &peer("hub", "fed", &cluster).payload["spec"];
        assert_eq!(spec["identity"], "spiffe://fed/region/shenzhen/member/sz-1");
        assert_eq!(spec["spill"], json!({"addresses": ["127.1.1.1"], "port": 9443}));
        assert_eq!(spec["frontDoor"], json!({"addresses": ["127.1.1.1"], "httpPort": 8080}));
    }
}
