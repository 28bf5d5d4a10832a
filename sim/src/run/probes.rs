//! Probes: of the own backends, and of the other regions' front doors, as `region-gateway` sends them.

use rand::Rng;

use super::queue::Event;
use super::{Run, backend};
use crate::world::Millis;

/// Own backends are asked once a second, doors twice.
const PERIOD: Millis = 1_000;
const PERIOD_OF_DOORS: Millis = 500;
const PERIOD_WHEN_SILENT: Millis = 250;
const TIMEOUT: Millis = 1_000;

impl Run<'_> {
    /// Asks the own backends; the answer becomes evidence of the moment of sending.
    pub(super) fn probe_backends(&mut self, number: usize, life: u32) {
        let (now, rate) = (self.now, self.rates[number]);
        self.probe_routes(number, life);
        let service = self.truth.service(number, None, now);
        let noise = self.world.regions[number].noise;
        let fate = backend::draw(&mut self.backends[number], &service, noise, rate);
        if let Some(gateway) = self.living(number, life) {
            gateway.note_probe(now, None, fate);
            self.queue.put(now + PERIOD, Event::Backends { gateway: number, life });
        }
    }

    /// Asks for the routes that are the exception, here or elsewhere.
    fn probe_routes(&mut self, number: usize, life: u32) {
        let (now, rate, noise) = (self.now, self.rates[number], self.world.regions[number].noise);
        for route in 0..self.world.routes.len() {
            if !self.living(number, life).is_some_and(|gateway| gateway.watches_route(route)) {
                continue;
            }
            let service = self.truth.service(number, Some(route), now);
            let fate = backend::draw(&mut self.backends[number], &service, noise, rate);
            if let Some(gateway) = self.living(number, life) {
                gateway.note_probe(now, Some(route), fate);
            }
        }
    }

    pub(super) fn probe(&mut self, number: usize, life: u32, other: usize, turn: u32) {
        let sent = self.now;
        let Some(gateway) = self.living(number, life) else { return };
        let contact = &mut gateway.probes[other];
        if contact.turn != turn || contact.busy {
            return;
        }
        contact.busy = true;
        let (ok, takes) = self.ask_door(number, other);
        self.queue.put(sent + takes, Event::Probed { gateway: number, life, other, sent, ok });
    }

    /// Whether a door answers, and after how long this is known.
    fn ask_door(&mut self, from: usize, to: usize) -> (bool, Millis) {
        let way = self.world.delay(from, to, self.now);
        if !self.world.opens(from, to, self.now) || self.loses(from, to) || 2 * way > TIMEOUT {
            return (false, TIMEOUT);
        }
        (self.gateways[to].is_some(), 2 * way)
    }

    /// Whether a message between two regions is lost now.
    pub(super) fn loses(&mut self, from: usize, to: usize) -> bool {
        let loss = self.world.loss(from, to, self.now);
        loss > 0 && self.network.random_range(0..100) < loss
    }

    pub(super) fn probed(&mut self, number: usize, life: u32, other: usize, sent: Millis, ok: bool) {
        let now = self.now;
        let Some(gateway) = self.living(number, life) else { return };
        let (sent_local, until) = (gateway.clock.at(sent), gateway.clock.at(now));
        if let Some(watch) = gateway.watches.get_mut(other) {
            if ok { watch.probe(sent_local, true) } else { watch.unanswered(sent_local, until) }
        }
        let contact = &mut gateway.probes[other];
        (contact.busy, contact.ok) = (false, ok);
        contact.turn += 1;
        let period = if ok { PERIOD_OF_DOORS } else { PERIOD_WHEN_SILENT };
        let turn = contact.turn;
        self.queue.put(now.max(sent + period), Event::Probe { gateway: number, life, other, turn });
    }

    /// Who got no answer from a peer has its door probed at once.
    pub(super) fn doubt(&mut self, number: usize, life: u32, other: usize) {
        let now = self.now;
        let Some(gateway) = self.living(number, life) else { return };
        let contact = &mut gateway.probes[other];
        if contact.ok && !contact.busy {
            contact.turn += 1;
            let turn = contact.turn;
            self.queue.put(now, Event::Probe { gateway: number, life, other, turn });
        }
    }
}
