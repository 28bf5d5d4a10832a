//! What the hub says: caches of its kinds, and who is asked to work when one of them changes.

mod annotation;
mod sources;
mod watch;

use k8s_openapi::api::{
    core::v1::Secret,
    networking::v1::{Ingress, IngressClass},
};
use kube::ResourceExt;
use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};
use spillway_placement::ObjectKey;

use crate::{cache::Cache, queue::Queue};

pub use annotation::{AnnotationError, regions};
pub use sources::{Generated, SourceError, generate, is_generated, priority_name, serving_class};
pub use watch::watch;

/// A namespace and a name; cluster-scoped objects have an empty namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Namespace, or empty.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Name {
    /// The name of an object.
    pub fn of<K: kube::Resource>(object: &K) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }

    /// The name of a cluster-scoped object.
    pub fn cluster(name: &str) -> Self {
        Self { namespace: String::new(), name: name.to_owned() }
    }

    /// The name on the hub of an object of the federation.
    pub fn of_key(key: &ObjectKey) -> Self {
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
pub struct Hub {
    /// Every Ingress; those with the annotation are sources.
    pub ingresses: Cache<Name, Ingress>,
    /// Every `FederatedIngress`, generated or written by people.
    pub federated: Cache<Name, FederatedIngress>,
    /// Every `RegionPriority`.
    pub priorities: Cache<Name, RegionPriority>,
    /// Every `MemberCluster`.
    pub clusters: Cache<Name, MemberCluster>,
    /// Secrets of the controller's namespace.
    pub secrets: Cache<Name, Secret>,
    /// Ingress classes, to tell who else would serve a source.
    pub classes: Cache<Name, IngressClass>,
}

impl Hub {
    /// Whether everything that deletes depend on was seen in full.
    pub fn synced(&self) -> bool {
        self.ingresses.synced()
            && self.federated.synced()
            && self.priorities.synced()
            && self.clusters.synced()
            && self.secrets.synced()
    }

    /// Sources and federated ingresses that use a priority.
    pub fn users_of(&self, priority: &str) -> Vec<Name> {
        let federated = self.federated.values();
        federated.iter().filter(|fi| fi.spec.region_priority == priority).map(|fi| Name::of(&**fi)).collect()
    }
}

/// Keys that wait for work on the hub.
#[derive(Debug, Default)]
pub struct Queues {
    /// Source Ingresses.
    pub sources: Queue<Name>,
    /// Federated ingresses.
    pub federated: Queue<Name>,
    /// Generated priorities that may no longer be used.
    pub priorities: Queue<Name>,
    /// Members whose connection may have changed.
    pub clusters: Queue<Name>,
}
