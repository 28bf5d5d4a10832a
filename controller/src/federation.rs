//! Everything that one term of leadership knows. It begins empty and is built from watches: nothing is
//! remembered across terms.

use kube::Client;
use spillway_placement::PlacementMap;

use crate::{
    apply::Writer,
    board::Board,
    events::Events,
    hub::{Hub, Queues},
    identity::Authority,
    ledger::Failures,
    member::Members,
    metrics::Metrics,
};

/// The federation, as its leader sees it.
pub(crate) struct Federation {
    /// UID of the hub's kube-system namespace: whose copies are ours.
    pub(crate) hub_uid: String,
    /// The trust domain of identities.
    pub(crate) name: String,
    /// The controller's namespace, on the hub and on members.
    pub(crate) namespace: String,
    /// The hub.
    pub(crate) client: Client,
    /// The way to write.
    pub(crate) writer: Writer,
    /// The way to tell people.
    pub(crate) events: Events,
    /// What the hub says.
    pub(crate) hub: Hub,
    /// What waits for work.
    pub(crate) queues: Queues,
    /// What is where.
    pub(crate) placement: std::sync::Arc<PlacementMap>,
    /// What does not work.
    pub(crate) failures: Failures,
    /// The members.
    pub(crate) members: Members,
    /// Who issues identities.
    pub(crate) authority: Authority,
    /// What the gateways say.
    pub(crate) board: Board,
    /// What is counted.
    pub(crate) metrics: Metrics,
}
