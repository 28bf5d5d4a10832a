//! What the controller counts, in words that an operator understands.

mod placements;
mod rounds;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

pub(crate) use placements::Placements;
pub(crate) use rounds::{Loop, Rounds};

/// A series of one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Of {
    member: String,
}

impl Of {
    /// The series of this member.
    pub(crate) fn member(name: &str) -> Self {
        Self { member: name.to_owned() }
    }
}

/// Everything that is counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    /// Writes to members that failed.
    pub(crate) failed_writes: Family<Of, Counter>,
    /// Whether a member's API server answers.
    pub(crate) reachable: Family<Of, Gauge>,
    /// Deletes that wait for a person.
    pub(crate) held: Family<Of, Gauge>,
    /// Objects that wait to be looked at.
    pub(crate) queued: Family<Of, Gauge>,
    /// Whether this controller leads.
    pub(crate) leading: Gauge,
    /// Verdicts that changed.
    pub(crate) verdict_changes: Counter,
    /// How long a round of a loop took.
    pub(crate) rounds: Rounds,
}

impl Metrics {
    /// Makes the metrics known.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "member_write_failures",
            "Writes to a member's API server that failed. A few are normal while a member restarts; a steady \
             rise means that the status of some FederatedIngress says why",
            self.failed_writes.clone(),
        );
        registry.register(
            "member_reachable",
            "1 while the member's API server answers the hub. 0 stops propagation to it and nothing else: its \
             gateways serve on",
            self.reachable.clone(),
        );
        registry.register(
            "member_deletes_held",
            "1 while deletes on the member wait for a person, because too many sources vanished at once; see \
             the MemberCluster's condition Ready",
            self.held.clone(),
        );
        registry.register(
            "member_queue_length",
            "Objects that wait to be looked at on the member. It falls to 0 within seconds when the member is \
             well",
            self.queued.clone(),
        );
        registry.register(
            "leading",
            "1 on the controller that holds the lease and writes, 0 on those that wait",
            self.leading.clone(),
        );
        registry.register(
            "verdict_changes",
            "Times that gateways changed their verdict on a region, as the hub heard it",
            self.verdict_changes.clone(),
        );
        self.rounds.register(registry);
    }
}

impl Metrics {
    /// Forgets the series of a member that left.
    pub(crate) fn forget_member(&self, name: &str) {
        let of = Of::member(name);
        self.failed_writes.remove(&of);
        for family in [&self.reachable, &self.held, &self.queued] {
            family.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::{Metrics, Of};

    #[test]
    fn a_member_that_left_has_no_series() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        for name in ["sz", "cd"] {
            metrics.failed_writes.get_or_create(&Of::member(name)).inc();
            metrics.reachable.get_or_create(&Of::member(name)).set(1);
            metrics.queued.get_or_create(&Of::member(name)).set(1);
        }
        metrics.forget_member("sz");
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(!text.contains("member=\"sz\"") && text.contains("member=\"cd\""), "{text}");
    }
}
