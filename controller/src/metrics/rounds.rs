//! How long the loops' rounds take.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// A loop that works on one key at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Loop {
    r#loop: &'static str,
}

impl Loop {
    /// A plain Ingress on the hub, and what is generated from it.
    pub(crate) const SOURCE: Self = Self { r#loop: "source" };
    /// A `FederatedIngress`.
    pub(crate) const FEDERATED: Self = Self { r#loop: "federated" };
    /// A `RegionPriority`.
    pub(crate) const PRIORITY: Self = Self { r#loop: "priority" };
    /// A `MemberCluster`.
    pub(crate) const CLUSTER: Self = Self { r#loop: "cluster" };
    /// One object on one member.
    pub(crate) const PLACE: Self = Self { r#loop: "place" };

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.r#loop
    }
}

/// A histogram for each loop. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Rounds(Family<Loop, Histogram, fn() -> Histogram>);

impl Default for Rounds {
    /// From 1 ms, a round without a write, to 33 s, beyond every deadline.
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 16))))
    }
}

impl Rounds {
    /// A round has ended.
    pub(crate) fn observe(&self, of: &Loop, took: Duration) {
        self.0.get_or_create(of).observe(took.as_secs_f64());
    }

    /// Makes the histograms known.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "reconcile_duration",
            "How long one round of work took, calls to API servers included. The loops source, federated, \
             priority and cluster look at one object on the hub, place at one object on one member. Seconds mean \
             an API server that is slow",
            Unit::Seconds,
            self.0.clone(),
        );
    }
}
