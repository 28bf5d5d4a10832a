//! The words for faults: which process, which link. (What happens to a link is
//! [`Disturbance`](crate::faultproxy::Disturbance).)

use std::fmt;
use std::net::Ipv4Addr;

use super::address::{Addresses, CLIENTS};

/// The name by which the hub is called wherever a region is asked for.
pub const HUB: &str = "hub";

/// One process of a world, or a group that fails together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// The fault proxy of the whole world.
    FaultProxy,
}

impl Process {
    /// The supervisor's names of what this stands for, in the order in which they are started.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Gateway(region) => vec![format!("gateway-{region}")],
            Self::Controller(replica) => vec![format!("controller-{replica}")],
            Self::ApiServer(region) => vec![format!("apiserver-{region}")],
            Self::Etcd(region) => vec![format!("etcd-{region}")],
            Self::ControllerManager(region) => vec![format!("controller-manager-{region}")],
            Self::ControlPlane(region) => ["etcd", "apiserver", "controller-manager"]
                .map(|program| format!("{program}-{region}"))
                .into(),
            Self::Backend(region) => vec![format!("backend-{region}")],
            Self::FaultProxy => vec!["faultproxy".to_owned()],
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}

/// A path on which connections can be disturbed. Who connects matters: `from` opens the connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// Everything between two regions' front doors and spill ports, whoever connects.
    Between(String, String),
    /// Only connections that the first region's gateway opens to the second's front door and spill port.
    OneWay(String, String),
    /// From clients outside every region to a region's front door.
    Clients(String),
    /// From the hub's controller to the spill port of a region, where it polls reports.
    ControllerToGateway(String),
    /// From the hub's controller to the API server of a region, or of the hub itself.
    ControllerToApi(String),
    /// From a region's own gateway to its API server.
    GatewayToApi(String),
}

/// A rule's link and source, as the fault proxy knows them.
pub(super) type Target = (String, Option<Ipv4Addr>);

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

    /// Every region that it names.
    pub(super) fn regions(&self) -> Vec<&str> {
        match self {
            Self::Between(a, b) | Self::OneWay(a, b) => vec![a, b],
            Self::Clients(region)
            | Self::ControllerToGateway(region)
            | Self::ControllerToApi(region)
            | Self::GatewayToApi(region) => vec![region],
        }
    }

    /// The rules that it stands for; `region` gives the addresses of a region.
    pub(super) fn targets(&self, world: u8, region: impl Fn(&str) -> Addresses) -> Vec<Target> {
        let doors = |to: &str, from: Ipv4Addr| {
            ["http", "spill"].map(|kind| (format!("{kind}/{to}"), Some(from))).to_vec()
        };
        match self {
            Self::Between(a, b) => [doors(b, region(a).network()), doors(a, region(b).network())].concat(),
            Self::OneWay(from, to) => doors(to, region(from).network()),
            // A client that binds to no address of its own comes from 127.0.0.1.
            Self::Clients(to) => [[127, world, CLIENTS, 0], [127, 0, 0, 0]]
                .map(|from| (format!("http/{to}"), Some(Ipv4Addr::from(from))))
                .to_vec(),
            // The controller binds to no address of its own either; nobody else does so on the spill port.
            Self::ControllerToGateway(to) => {
                vec![(format!("spill/{to}"), Some(Ipv4Addr::new(127, 0, 0, 0)))]
            }
            Self::ControllerToApi(to) => vec![(format!("controller-api/{to}"), None)],
            Self::GatewayToApi(of) => vec![(format!("gateway-api/{of}"), None)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_is_both_ways_and_both_ports() {
        let region = |name: &str| Addresses::of(10, if name == "a" { 1 } else { 2 });
        let targets = Link::between("a", "b").targets(10, region);
        assert_eq!(targets.len(), 4);
        assert!(targets.contains(&("spill/b".to_owned(), Some(Ipv4Addr::new(127, 10, 1, 0)))));
        assert!(targets.contains(&("http/a".to_owned(), Some(Ipv4Addr::new(127, 10, 2, 0)))));
    }
}
