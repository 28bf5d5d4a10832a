//! People ask: resolvers, front doors, spill, backends.

use rand::Rng;

use super::beat::{Path, Reply};
use super::clients::Finds;
use super::lie::Lie;
use super::queue::Event;
use super::{BEAT, Run, backend};
use crate::world::Millis;

impl Run<'_> {
    /// A tick's worth of requests of the clients of a zone.
    pub(super) fn arrivals(&mut self, zone: usize) {
        self.queue.put(self.now + BEAT, Event::Arrivals(zone));
        let zones = self.by_zone.len().max(1);
        #[expect(clippy::cast_precision_loss, reason = "at most 64 regions")]
        let due = f64::from(self.world.rate) / zones as f64 * 0.1;
        self.owed[zone] += due * self.people.random_range(0.8..1.2);
        while self.owed[zone] >= 1.0 {
            self.owed[zone] -= 1.0;
            let nth = self.people.random_range(0..self.by_zone[zone].len().max(1));
            let start = self.now - self.people.random_range(1..=BEAT);
            if let Some(client) = self.by_zone[zone].get(nth).copied() {
                self.request(client, start);
            }
        }
    }

    fn request(&mut self, client: usize, start: Millis) {
        let Some(door) = self.door_of(client).filter(|door| self.gateways[*door].is_some()) else {
            self.tally.requests += 1;
            self.tally.lost += 1;
            return;
        };
        let route = self.route();
        let mut path =
            Path { at: start, client, route, door, forwards: [None; 2], served: Some(door), returned: false };
        if let Some(target) = self.target(door, route, client) {
            self.forward(&mut path, target);
        }
        self.tally.requests += 1;
        self.tally.spilled += u64::from(path.served != Some(door));
        if let Some(region) = path.served {
            self.serve(region, route, start, region == door);
        }
        self.requests.push(path);
    }

    /// The other region that the door's gateway sends this client to.
    fn target(&self, door: usize, route: Option<usize>, client: usize) -> Option<usize> {
        let client = self.clients.get(client)?.address;
        let salted = match (self.lie, client) {
            (Some(Lie::SaltedHash), std::net::IpAddr::V4(address)) => {
                let salt = u32::try_from(self.now / 60_000).unwrap_or(0) << 20;
                std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(address.to_bits() ^ salt))
            }
            _ => client,
        };
        let name = self.gateways[door].as_ref()?.wanted(route, salted)?;
        self.world.index(name).filter(|target| *target != door)
    }

    /// To another region, within its grant; what is not taken there is served at the door.
    fn forward(&mut self, path: &mut Path, target: usize) {
        let (now, door) = (self.now, path.door);
        let granted = match (self.gateways[door].as_mut(), self.lie) {
            (Some(_), Some(Lie::NoGrants)) => true,
            (Some(gateway), _) => gateway.charge(now, &self.names[target]),
            (None, _) => false,
        };
        if !granted {
            path.returned = true;
            return;
        }
        path.forwards[0] = Some(target);
        let arrives = self.gateways[target].is_some()
            && self.world.opens(door, target, now)
            && !self.loses(door, target);
        if !arrives {
            path.returned = true;
            return;
        }
        path.served = Some(target);
        if self.lie == Some(Lie::SecondHop) {
            let third = (target + 1) % self.names.len();
            path.forwards[1] = Some(third);
            path.served = Some(third);
        }
    }

    /// What somebody asks for.
    fn route(&mut self) -> Option<usize> {
        let mut dice =
            if self.world.routes.is_empty() { return None } else { self.asked.random_range(0..100) };
        self.world.routes.iter().position(|share| {
            let drawn = dice < *share;
            dice = dice.saturating_sub(*share);
            drawn
        })
    }

    fn serve(&mut self, region: usize, route: Option<usize>, start: Millis, local: bool) {
        let service = self.truth.service(region, route, start);
        let noise = self.world.regions[region].noise;
        let fate = backend::draw(&mut self.backends[region], &service, noise, self.rates[region]);
        let slot = usize::try_from(self.now / BEAT % 10).unwrap_or(0);
        self.served[region][slot] += 1;
        if let Some(gateway) = self.gateways[region].as_mut() {
            gateway.serve(start, route, fate, local);
        }
    }

    /// The front door that a client goes to.
    fn door_of(&mut self, client: usize) -> Option<usize> {
        let (zone, finds) = self.clients.get(client).map(|client| (client.zone, client.finds))?;
        let nth = match finds {
            Finds::Fixed => return Some(zone),
            Finds::Honest => 0,
            Finds::Stretching => 1,
        };
        if self.resolvers[zone][nth].until <= self.now {
            self.resolve(zone, nth);
        }
        Some(self.resolvers[zone][nth]).filter(|cached| cached.until > self.now)?.door
    }

    /// Asks the zone's own gateway, then the others in turn, until one answers.
    fn resolve(&mut self, zone: usize, nth: usize) {
        let size = self.names.len();
        for gateway in (0..size).map(|step| (zone + step) % size) {
            let Some(decision) = self.gateways[gateway].as_ref().map(|gateway| gateway.decision.as_ref())
            else {
                continue;
            };
            let answer = decision.and_then(|decision| decision.answer.clone());
            let door = answer.as_ref().and_then(|answer| self.world.index(&answer.region));
            let ttl = answer.as_ref().map_or(0, |answer| u64::from(answer.ttl_seconds));
            self.replies.push(Reply { at: self.now, gateway, answer });
            if door.is_some() {
                let keeps = if nth == 0 { ttl } else { ttl.max(self.world.regions[zone].stretch) };
                self.resolvers[zone][nth] = super::clients::Cached { door, until: self.now + keeps * 1000 };
                return;
            }
        }
    }
}
