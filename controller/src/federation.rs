//! Everything that one term of leadership knows. It begins empty and is built from watches: nothing is
//! remembered across terms.

use kube::Client;
use spillway_placement::PlacementMap;

use crate::{
    apply::Writer,
    events::Events,
    hub::{Hub, Queues},
    identity::Authority,
    ledger::Failures,
    member::Members,
    metrics::Metrics,
    traffic_status::Board,
};

/// The federation, as its leader sees it.
pub struct Federation {
    /// UID of the hub's kube-system namespace: whose copies are ours.
    pub hub_uid: String,
    /// The trust domain of identities.
    pub name: String,
    /// The controller's namespace, on the hub and on members.
    pub namespace: String,
    /// The hub.
    pub client: Client,
    /// The way to write.
    pub writer: Writer,
    /// The way to tell people.
    pub events: Events,
    /// What the hub says.
    pub hub: Hub,
    /// What waits for work.
    pub queues: Queues,
    /// What is where.
    pub placement: std::sync::Arc<PlacementMap>,
    /// What does not work.
    pub failures: Failures,
    /// The members.
    pub members: Members,
    /// Who issues identities.
    pub authority: Authority,
    /// What the gateways say.
    pub board: Board,
    /// What is counted.
    pub metrics: Metrics,
}
