//! Who listens where in a world.
//!
//! World W has 127.W.0.0/16 for itself: region R has 127.W.R.0/24, the hub is region 0, clients have
//! 127.W.200.0/24. Every address of 127/8 can be bound without rights on Linux, and the third byte tells the
//! fault proxy which region a connection comes from.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The third byte of clients' addresses: outside every region.
pub(super) const CLIENTS: u8 = 200;

/// How many members a world can have: regions' numbers stay below [`CLIENTS`].
pub(super) const MAX_MEMBERS: usize = 100;

/// The ports of a world: the same in every region, for each region has its own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Front doors and gateways: plain HTTP.
    pub http: u16,
    /// Front doors and gateways: spilled traffic over mutual TLS.
    pub spill: u16,
    /// Gateways' DNS, UDP and TCP, on the front door's address.
    pub dns: u16,
    /// Gateways' and the controller's health, metrics and debug pages.
    pub admin: u16,
    /// kube-apiserver, and the links that lead to it.
    pub api: u16,
    /// etcd's clients; the next port is for its peers.
    pub etcd: u16,
    /// Demo backends.
    pub backend: u16,
    /// The switches of demo backends and of the fault proxy.
    pub control: u16,
}

impl Ports {
    /// Ports on which nothing listens, neither in this world nor on all addresses. They lie below the range
    /// from which the kernel takes ports for outgoing connections.
    pub fn free(world: u8) -> Result<Self> {
        // The fixed addresses of the hub and the first members stand for all: what listens there was left by a
        // world whose supervisor was killed, or listens on all addresses.
        let regions = (0..4).map(|region| Addresses::of(world, region));
        let here: Vec<Ipv4Addr> =
            regions.flat_map(|region| (1..=10).map(move |host| region.host(host))).collect();
        Ok(Self {
            http: free(&here, 8080)?,
            spill: free(&here, 8443)?,
            dns: free(&here, 5353)?,
            admin: free(&here, 9090)?,
            api: free(&here, 6443)?,
            etcd: free(&here, 2379)?,
            backend: free(&here, 8081)?,
            control: free(&here, 9474)?,
        })
    }
}

/// `wanted`, or the next port at a distance of 100 that is free on all addresses together with the one after it.
fn free(addresses: &[Ipv4Addr], wanted: u16) -> Result<u16> {
    let usable = |address: Ipv4Addr, port: u16| {
        TcpListener::bind((address, port)).is_ok()
            && TcpListener::bind((address, port + 1)).is_ok()
            && UdpSocket::bind((address, port)).is_ok()
    };
    (wanted..32_000)
        .step_by(100)
        .find(|port| addresses.iter().all(|address| usable(*address, *port)))
        .with_context(|| format!("no port from {wanted} on is free on all of {addresses:?}"))
}

/// The addresses of one region of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    world: u8,
    region: u8,
}

impl Addresses {
    /// Those of region number `region`; 0 is the hub.
    #[must_use]
    pub fn of(world: u8, region: u8) -> Self {
        Self { world, region }
    }

    fn host(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.world, self.region, host)
    }

    /// What the public sees: HTTP and spill by way of the fault proxy, DNS.
    #[must_use]
    pub fn front_door(self) -> Ipv4Addr {
        self.host(1)
    }

    /// The gateway itself, and where its connections to peers come from. On the hub: the controller.
    #[must_use]
    pub fn gateway(self) -> Ipv4Addr {
        self.host(2)
    }

    /// etcd and the API server themselves.
    #[must_use]
    pub fn control_plane(self) -> Ipv4Addr {
        self.host(3)
    }

    /// The API server as the hub's controller reaches it: by way of the fault proxy.
    #[must_use]
    pub fn controller_link(self) -> Ipv4Addr {
        self.host(4)
    }

    /// The API server as the region's own gateway reaches it: by way of the fault proxy.
    #[must_use]
    pub fn gateway_link(self) -> Ipv4Addr {
        self.host(5)
    }

    /// The switches of the backends; on the hub, of the fault proxy.
    #[must_use]
    pub fn control(self) -> Ipv4Addr {
        self.host(9)
    }

    /// The n-th demo backend.
    #[must_use]
    pub fn backend(self, n: u8) -> Ipv4Addr {
        self.host(10_u8.saturating_add(n))
    }

    /// Any address of the region, for rules about where connections come from.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        self.host(0)
    }
}

/// An address with a port.
#[must_use]
pub(super) fn at(address: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(address, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_something_holds_is_passed_over() {
        let here = [Ipv4Addr::new(127, 9, 0, 2), Ipv4Addr::new(127, 9, 0, 3)];
        let free_one = free(&here, 21_000).unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, free_one)).unwrap();
        assert_ne!(free(&here, 21_000).unwrap(), free_one);
    }

    #[test]
    fn regions_differ_in_the_third_byte() {
        assert_eq!(Addresses::of(12, 0).control_plane(), Ipv4Addr::new(127, 12, 0, 3));
        assert_eq!(Addresses::of(12, 3).backend(1), Ipv4Addr::new(127, 12, 3, 11));
    }
}
