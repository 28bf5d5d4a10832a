//! The words for faults: which process, which link, what happens to it.

use serde::{Deserialize, Serialize};

/// The name by which the hub is called wherever a region is asked for.
pub const HUB: &str = "hub";

/// One process of a world, or a group that fails together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Process {
    /// The `region-gateway` of a region.
    Gateway(String),
    /// A replica of `spillway-controller`: 0 is the first, see [`World::start_replica`](super::World::start_replica).
    Controller(u8),
    /// The kube-apiserver of a region or the hub.
    ApiServer(String),
    /// The etcd of a region or the hub.
    Etcd(String),
    /// The kube-controller-manager of a region or the hub.
    ControllerManager(String),
    /// API server, etcd and controller-manager of a region or the hub together.
    ControlPlane(String),
    /// The process that holds all demo backends of a region.
    Backend(String),
}

/// A path on which connections can be disturbed. Who connects matters: `from` opens the connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Link {
    /// Everything between two regions' front doors and spill ports, whoever connects.
    Between(String, String),
    /// Only connections that the first region's gateway opens to the second's front door and spill port.
    OneWay(String, String),
    /// From clients outside every region to a region's front door.
    Clients(String),
    /// From the hub's controller to the API server of a region, or of the hub itself.
    ControllerToApi(String),
    /// From a region's own gateway to its API server.
    GatewayToApi(String),
}

/// What happens on a disturbed link. TCP only: DNS over UDP is not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Disturbance {
    /// Every chunk arrives this much later, in each direction.
    Delay {
        /// One way; a round trip takes twice as long.
        milliseconds: u64,
    },
    /// A black hole: connections are accepted, established ones stay, no byte passes.
    Drop,
    /// Established connections are reset, and so is every new one.
    Cut,
}

impl Link {
    /// [`Link::Between`] of two names.
    #[must_use]
    pub fn between(a: &str, b: &str) -> Self {
        Self::Between(a.to_owned(), b.to_owned())
    }

    /// [`Link::OneWay`] of two names.
    #[must_use]
    pub fn one_way(from: &str, to: &str) -> Self {
        Self::OneWay(from.to_owned(), to.to_owned())
    }
}
