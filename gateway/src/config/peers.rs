//! `GatewayPeer` as `decide` reads it.

use spillway_crds::GatewayPeerSpec;
use spillway_decide::{Door, Peer};

/// Reads one peer.
pub(crate) fn read(spec: &GatewayPeerSpec) -> Peer {
    Peer {
        federation: spec.federation.clone(),
        region: spec.region.clone(),
        member: spec.member.clone(),
        front_door: Door { addresses: spec.front_door.addresses.clone(), port: spec.front_door.http_port },
        spill: Door { addresses: spec.spill.addresses.clone(), port: spec.spill.port },
        identity: spec.identity.clone(),
        max_requests_per_second: spec.capacity.as_ref().map(|capacity| capacity.max_requests_per_second),
    }
}
