//! Step one: everything that a federated ingress refers to, as the hub has it now.

use std::sync::Arc;

use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};

use crate::hub::{Hub, Name};

/// A federated ingress with what it refers to.
#[derive(Debug, Clone)]
pub(crate) struct Dereferenced {
    /// The object.
    pub(crate) federated: Arc<FederatedIngress>,
    /// Its priority, if that exists.
    pub(crate) priority: Option<Arc<RegionPriority>>,
    /// Every member of the federation.
    pub(crate) clusters: Vec<Arc<MemberCluster>>,
}

/// None if the object is gone.
pub(crate) fn dereference(hub: &Hub, name: &Name) -> Option<Dereferenced> {
    let federated = hub.federated.get(name)?;
    let priority = hub.priorities.get(&Name::cluster(&federated.spec.region_priority));
    Some(Dereferenced { priority, clusters: hub.clusters.values(), federated })
}
