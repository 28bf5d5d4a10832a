//! Gateways tell each other: each second, and at once when something changed.

use std::sync::Arc;

use spillway_decide::report::PriorityReport;

use super::Run;
use super::queue::{Answered, Event};
use crate::world::Millis;

const PERIOD: Millis = 1_000;
const TIMEOUT: Millis = 1_500;
/// A gateway decides so soon after it has heard something new.
const NOTICE: Millis = 1;

impl Run<'_> {
    pub(super) fn talk(&mut self, number: usize, life: u32, other: usize, turn: u32) {
        let (now, way) = (self.now, self.world.delay(number, other, self.now));
        let passes = self.world.opens(number, other, now) && !self.loses(number, other);
        let answers = self.gateways[other].is_some();
        let Some(gateway) = self.living(number, life) else { return };
        let contact = &mut gateway.talks[other];
        if contact.turn != turn || contact.busy {
            return;
        }
        (contact.busy, contact.urgent) = (true, false);
        let report = gateway.report.clone();
        let silence = Event::Talked { gateway: number, life, other, answer: Answered::Silence };
        match (passes, answers) {
            (false, _) => self.queue.put(now + TIMEOUT, silence),
            (true, false) => self.queue.put(now + (2 * way).min(TIMEOUT), silence),
            (true, true) => self.queue.put(now + way, Event::Hear { gateway: number, life, other, report }),
        }
    }

    /// The report of `number` arrives at `other`, which answers with its own.
    pub(super) fn heard(
        &mut self,
        number: usize,
        life: u32,
        other: usize,
        report: Option<Arc<PriorityReport>>,
    ) {
        let (now, way) = (self.now, self.world.delay(number, other, self.now));
        if let Some(report) = report {
            self.take_in(other, number, report);
        }
        let answer = match &self.gateways[other] {
            Some(gateway) if 2 * way <= TIMEOUT => Answered::With(gateway.report.clone()),
            _ => Answered::Silence,
        };
        let after = if matches!(answer, Answered::Silence) { TIMEOUT.saturating_sub(way) } else { way };
        self.queue.put(now + after, Event::Talked { gateway: number, life, other, answer });
    }

    fn take_in(&mut self, listener: usize, speaker: usize, report: Arc<PriorityReport>) {
        let now = self.now;
        let Some(gateway) = self.gateways[listener].as_mut() else { return };
        if gateway.hear(now, &self.names[speaker], report) && !gateway.noticed {
            gateway.noticed = true;
            let life = gateway.life;
            self.queue.put(now + NOTICE, Event::News { gateway: listener, life });
        }
    }

    pub(super) fn talked(&mut self, number: usize, life: u32, other: usize, answer: Answered) {
        let now = self.now;
        if self.living(number, life).is_none() {
            return;
        }
        match answer {
            Answered::With(Some(report)) => self.take_in(number, other, report),
            Answered::With(None) => {}
            Answered::Silence => self.doubt(number, life, other),
        }
        let Some(gateway) = self.living(number, life) else { return };
        let contact = &mut gateway.talks[other];
        contact.busy = false;
        contact.turn += 1;
        let (turn, urgent) = (contact.turn, contact.urgent);
        let at = if urgent { now } else { now + PERIOD };
        self.queue.put(at, Event::Talk { gateway: number, life, other, turn });
    }

    /// Begins an exchange with everybody, or has it begun anew when the one on its way is over.
    pub(super) fn tell_at_once(&mut self, number: usize) {
        let now = self.now;
        let Some(gateway) = self.gateways[number].as_mut() else { return };
        let life = gateway.life;
        for (other, contact) in gateway.talks.iter_mut().enumerate().filter(|(other, _)| *other != number) {
            if contact.busy {
                contact.urgent = true;
            } else {
                contact.turn += 1;
                let turn = contact.turn;
                self.queue.put(now, Event::Talk { gateway: number, life, other, turn });
            }
        }
    }
}
