//! Clients and what they are told: resolvers that cache, some longer than they should, and clients that never
//! ask.

use std::net::{IpAddr, Ipv4Addr};

use crate::world::{Millis, World};

/// How a client finds a front door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    /// By a resolver that honours the TTL.
    Honest,
    /// By one that keeps answers longer.
    Stretching,
    /// It has always gone to its zone's door.
    Fixed,
}

/// Somebody who asks for things.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// The region that it is near.
    pub zone: usize,
    /// How it finds a door.
    pub finds: Finds,
}

/// What a resolver remembers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cached {
    /// The region that it sends people to.
    pub(super) door: Option<usize>,
    /// Until when.
    pub(super) until: Millis,
}

/// All clients of a world: in each zone one in eight goes to the zone's door unasked, and, where a resolver
/// stretches, a quarter ask that one.
pub(super) fn populate(world: &World) -> Vec<Client> {
    let mut clients = Vec::new();
    for (zone, region) in world.regions.iter().enumerate() {
        for number in 0..world.clients {
            let finds = match number % 8 {
                0 => Finds::Fixed,
                1 | 2 if region.stretch > 0 => Finds::Stretching,
                _ => Finds::Honest,
            };
            let zone_bits = u32::try_from(zone).unwrap_or(0) << 16;
            let address = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | zone_bits | (number * 7 + 1)));
            clients.push(Client { address, zone, finds });
        }
    }
    clients
}
