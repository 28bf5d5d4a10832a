//! The kinds that are copied to members, and how an object of the federation is found again there.

use k8s_openapi::api::{core::v1::Secret, networking::v1::Ingress};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
};
use spillway_crds::{
    GatewayPeer, RegionPriority,
    names::{IN_PLACE_SUFFIX, secrets},
};
use spillway_placement::ObjectKey;

/// A kind that members get copies of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// From a `FederatedIngress`.
    Ingress,
    /// A copy of the hub's, same name.
    RegionPriority,
    /// One for each `MemberCluster`.
    GatewayPeer,
    /// The Secret with the identity of the member's gateways.
    Identity,
}

impl Kind {
    /// Every kind, in the order in which a member needs them.
    pub(crate) const ALL: [Self; 4] =
        [Self::Identity, Self::RegionPriority, Self::GatewayPeer, Self::Ingress];

    /// The name in keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::RegionPriority => "RegionPriority",
            Self::GatewayPeer => "GatewayPeer",
            Self::Identity => "Secret",
        }
    }

    /// The kind of a key; None for a key of another room.
    pub(crate) fn of(key: &ObjectKey) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == key.kind())
    }

    /// The key of `namespace/name` on the hub; cluster-scoped kinds have an empty namespace.
    pub(crate) fn key(self, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey::new(self.name(), namespace, name)
    }

    /// How the API server knows the kind.
    pub(crate) fn resource(self) -> ApiResource {
        match self {
            Self::Ingress => ApiResource::erase::<Ingress>(&()),
            Self::RegionPriority => ApiResource::erase::<RegionPriority>(&()),
            Self::GatewayPeer => ApiResource::erase::<GatewayPeer>(&()),
            Self::Identity => ApiResource::erase::<Secret>(&()),
        }
    }

    /// Whether objects of the kind have a namespace.
    pub(crate) fn is_namespaced(self) -> bool {
        matches!(self, Self::Ingress | Self::Identity)
    }

    /// The client's view of the kind, in a namespace where it has one.
    pub(crate) fn api(self, client: Client, namespace: &str) -> Api<DynamicObject> {
        if self.is_namespaced() {
            Api::namespaced_with(client, namespace, &self.resource())
        } else {
            Api::all_with(client, &self.resource())
        }
    }

    /// Whether a member holds copies of the kind. The hub itself has the priorities already.
    pub(crate) fn is_copied_to(self, in_place: bool) -> bool {
        !(in_place && self == Self::RegionPriority)
    }
}

/// The key of a member's identity.
pub(crate) fn identity_key(namespace: &str) -> ObjectKey {
    Kind::Identity.key(namespace, secrets::GATEWAY_IDENTITY)
}

/// The name of a copy on a member: beside its source it needs another one.
pub(crate) fn copy_name(kind: Kind, name: &str, in_place: bool) -> String {
    if in_place && kind == Kind::Ingress { format!("{name}{IN_PLACE_SUFFIX}") } else { name.to_owned() }
}

/// The name on the hub of a copy with this name; None if no copy would be called so.
pub(crate) fn source_name(kind: Kind, name: &str, in_place: bool) -> Option<&str> {
    if in_place && kind == Kind::Ingress { name.strip_suffix(IN_PLACE_SUFFIX) } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use super::{Kind, copy_name, source_name};

    #[test]
    fn a_copy_leads_back_to_its_source() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&kind.key("ns", "x")), Some(kind));
            for in_place in [false, true] {
                assert_eq!(source_name(kind, &copy_name(kind, "x", in_place), in_place), Some("x"));
            }
        }
        assert_eq!(source_name(Kind::Ingress, "x", true), None);
    }
}
