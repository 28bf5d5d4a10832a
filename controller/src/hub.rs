//! What the hub says: caches of its kinds, and who is asked to work when one of them changes.

mod annotation;
mod bereft;
mod sources;

use k8s_openapi::api::{
    core::v1::Secret,
    networking::v1::{Ingress, IngressClass},
};
use kube::ResourceExt;
use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};
use spillway_placement::ObjectKey;

use crate::{cache::Cache, queue::Queue};

pub(crate) use annotation::{AnnotationError, regions};
pub(crate) use bereft::Bereft;
pub(crate) use sources::{
    Generated, federates, generate, is_generated, is_generated_priority, is_marked, serving_class,
};

/// A namespace and a name; cluster-scoped objects have an empty namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// Namespace, or empty.
    pub(crate) namespace: String,
    /// Name.
    pub(crate) name: String,
}

impl Name {
    /// The name of an object.
    pub(crate) fn of<K: kube::Resource>(object: &K) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }

    /// The name of a cluster-scoped object.
    pub(crate) fn cluster(name: &str) -> Self {
        Self { namespace: String::new(), name: name.to_owned() }
    }

    /// The name on the hub of an object of the federation.
    pub(crate) fn of_key(key: &ObjectKey) -> Self {
        Self { namespace: key.namespace().to_owned(), name: key.name().to_owned() }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// The hub's kinds, as far as its watches have seen them.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// Every Ingress; those with the annotation are sources.
    pub(crate) ingresses: Cache<Name, Ingress>,
    /// Every `FederatedIngress`, generated or written by people.
    pub(crate) federated: Cache<Name, FederatedIngress>,
    /// Every `RegionPriority`.
    pub(crate) priorities: Cache<Name, RegionPriority>,
    /// Every `MemberCluster`.
    pub(crate) clusters: Cache<Name, MemberCluster>,
    /// Secrets of the controller's namespace.
    pub(crate) secrets: Cache<Name, Secret>,
    /// Sources that ceased to federate.
    pub(crate) bereft: Bereft,
    /// Ingress classes, to tell who else would serve a source.
    pub(crate) classes: Cache<Name, IngressClass>,
}

impl Hub {
    /// Whether everything that deletes depend on was seen in full.
    pub(crate) fn synced(&self) -> bool {
        self.ingresses.synced()
            && self.federated.synced()
            && self.priorities.synced()
            && self.clusters.synced()
            && self.secrets.synced()
    }

    /// Sources and federated ingresses that use a priority.
    pub(crate) fn users_of(&self, priority: &str) -> Vec<Name> {
        let federated = self.federated.values();
        federated.iter().filter(|fi| fi.spec.region_priority == priority).map(|fi| Name::of(&**fi)).collect()
    }
}

/// Keys that wait for work on the hub.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// Source Ingresses.
    pub(crate) sources: Queue<Name>,
    /// Federated ingresses.
    pub(crate) federated: Queue<Name>,
    /// Generated priorities that may no longer be used.
    pub(crate) priorities: Queue<Name>,
    /// Members whose connection may have changed.
    pub(crate) clusters: Queue<Name>,
}
