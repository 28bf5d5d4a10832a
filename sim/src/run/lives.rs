//! Gateways start, decide, take new versions of what people want, and die.

use spillway_decide::report::PriorityReport;

use super::Run;
use super::beat::Offer;
use super::gateway::{Around, Gateway};
use super::queue::Event;
use crate::world::Millis;

/// A gateway decides every 100 ms.
const TICK: Millis = 100;

impl Run<'_> {
    pub(super) fn start(&mut self, number: usize) {
        if self.gateways[number].is_some() || !self.world.is_up(number, self.now) {
            return;
        }
        self.lives[number] += 1;
        let (life, size) = (self.lives[number], self.names.len());
        // A restart finds the version that has arrived by now: in the snapshot, or at the API server.
        self.versions[number] = self.world.version(number, self.now);
        let priority = &self.wishes[self.versions[number]];
        self.gateways[number] = Some(Gateway::new(
            life,
            self.now,
            &self.world.regions[number],
            priority,
            size,
            self.world.routes.len(),
        ));
        self.story.add(self.now, &self.names[number], || "starts".to_owned());
        self.queue.put(self.now, Event::Tick { gateway: number, life });
        self.queue.put(self.now, Event::Backends { gateway: number, life });
        for other in (0..size).filter(|other| *other != number) {
            // Not all in the same moment: real ones are started by tasks of their own.
            let at = self.now + 1 + (other as Millis * 37) % 100;
            self.queue.put(at, Event::Probe { gateway: number, life, other, turn: 0 });
            self.queue.put(at, Event::Talk { gateway: number, life, other, turn: 0 });
        }
    }

    pub(super) fn die(&mut self, number: usize) {
        if let Some(gateway) = self.gateways[number].take() {
            self.note_offers(number, gateway.report.as_deref(), None);
            self.story.add(self.now, &self.names[number], || "dies".to_owned());
        }
    }

    /// The gateway in this life, if it still lives it.
    pub(super) fn living(&mut self, number: usize, life: u32) -> Option<&mut Gateway> {
        self.gateways.get_mut(number)?.as_mut().filter(|gateway| gateway.life == life)
    }

    pub(super) fn tick(&mut self, number: usize, life: u32) {
        if self.living(number, life).is_some() {
            self.queue.put(self.now + TICK, Event::Tick { gateway: number, life });
            self.decide(number);
        }
    }

    pub(super) fn news(&mut self, number: usize, life: u32) {
        if let Some(gateway) = self.living(number, life) {
            gateway.noticed = false;
            self.decide(number);
        }
    }

    fn decide(&mut self, number: usize) {
        let version = self.world.version(number, self.now);
        let changed = std::mem::replace(&mut self.versions[number], version) != version;
        let around = Around {
            priority: &self.wishes[version],
            peers: &self.peers,
            names: &self.names,
            witness: self.world.witness(number, self.now),
            ceiling: self.world.regions[number].capacity,
        };
        let Some(gateway) = self.gateways[number].as_mut() else { return };
        let before = gateway.report.clone();
        if changed {
            gateway.reconfigure(self.now, around.priority);
        }
        let urgent = gateway.step(self.now, &around, self.lie);
        let after = gateway.report.clone();
        self.tally.steps += 1;
        self.note_offers(number, before.as_deref(), after.as_deref());
        let Some(gateway) = self.gateways[number].as_mut() else { return };
        let told = gateway.decision.as_mut().map(|decision| std::mem::take(&mut decision.changes));
        for change in told.into_iter().flatten() {
            self.story.add(self.now, &self.names[number], || change.to_string());
        }
        if urgent {
            self.tell_at_once(number);
        }
    }

    /// Notes what a region offers from now on otherwise than before.
    fn note_offers(
        &mut self,
        target: usize,
        before: Option<&PriorityReport>,
        after: Option<&PriorityReport>,
    ) {
        let rate = |report: Option<&PriorityReport>, name: &str| {
            report.and_then(|report| report.grants.get(name)).copied().unwrap_or(0)
        };
        if before.map(|report| &report.grants) == after.map(|report| &report.grants) {
            return;
        }
        for (origin, name) in self.names.iter().enumerate() {
            let now = rate(after, name);
            if now != rate(before, name) {
                self.offers.push(Offer { at: self.now, target, origin, rate: now });
            }
        }
    }
}
