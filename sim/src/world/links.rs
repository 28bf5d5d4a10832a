//! How regions reach each other, by the faults.

use super::{Millis, What, World};

impl World {
    /// Whether a connection that `from` opens to `to` comes about, if both live.
    #[must_use]
    pub fn opens(&self, from: usize, to: usize, now: Millis) -> bool {
        let cuts =
            |what: &What| matches!(what, What::Cut(_) | What::OneWay(_) | What::Island | What::Partition(_));
        !self.faults.iter().any(|fault| cuts(&fault.what) && fault.is_on(now) && fault.is_between(from, to))
    }

    /// Percent of messages between two regions that are lost.
    #[must_use]
    pub fn loss(&self, from: usize, to: usize, now: Millis) -> u32 {
        let between = self.faults.iter().filter(|fault| fault.is_on(now) && fault.is_between(from, to));
        let loss = between.filter_map(|fault| match fault.what {
            What::Lossy(_, percent) => Some(percent),
            _ => None,
        });
        loss.max().unwrap_or(0)
    }

    /// Milliseconds that a message takes from one region to another.
    #[must_use]
    pub fn delay(&self, from: usize, to: usize, now: Millis) -> Millis {
        let between = self.faults.iter().filter(|fault| fault.is_on(now) && fault.is_between(from, to));
        let lag = between.map(|fault| match fault.what {
            What::Laggy(_, by) => by,
            _ => 0,
        });
        let distance = |region: usize| self.regions.get(region).map_or(0, |region| region.distance);
        1 + distance(from) + distance(to) + lag.sum::<Millis>()
    }

    /// Whether a region's gateway is up.
    #[must_use]
    pub fn is_up(&self, region: usize, now: Millis) -> bool {
        let dead =
            |fault: &super::Fault| fault.region == region && fault.what == What::Dead && fault.is_on(now);
        self.regions.get(region).is_some_and(|region| region.starts <= now) && !self.faults.iter().any(dead)
    }

    /// Whether a region reaches a witness; `None` when none is configured.
    #[must_use]
    pub fn witness(&self, region: usize, now: Millis) -> Option<bool> {
        let cut = |fault: &super::Fault| {
            fault.region == region && fault.what == What::NoWitness && fault.is_on(now)
        };
        (!self.priority.witnesses.is_empty()).then(|| !self.faults.iter().any(cut))
    }
}
