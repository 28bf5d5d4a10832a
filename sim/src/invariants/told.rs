//! Thirty-one seconds always shift: a region whose backends spoil at least 30 percent of at least 100 requests
//! a second for a second more than the hold calls itself Degraded within [`DELAY`] of that moment.
//!
//! By truth: one fault of the backends, no worse one beside it, and a gateway that was up all the time and for
//! 15 s before. (What is less than a third as bad as the worst of the last 20 s is not evidence yet: ADR 6 and
//! docs/limits.md. So a fault behind a worse one is not judged.) Without this one, a decider that never decides
//! anything would keep all the others.

use spillway_decide::Verdict;

use super::{Invariant, name, seconds};
use crate::run::Beat;
use crate::world::{Fault, Millis, World};

/// The latency bound, the window's own, and some steps: a slow answer must first be slow.
const DELAY: Millis = 3_000;
const WARM: Millis = 15_000;
/// Where a fault begins to be one.
const CLEAR_PERCENT: u32 = 30;

#[derive(Debug)]
pub(super) struct Told {
    /// The lowest rate of each region while its fault goes on.
    slowest: Vec<f64>,
    /// Faults that were judged.
    done: Vec<bool>,
    judged: u64,
}

impl Told {
    pub(super) fn new(world: &World) -> Self {
        Self {
            slowest: vec![f64::INFINITY; world.faults.len()],
            done: vec![false; world.faults.len()],
            judged: 0,
        }
    }

    fn look(&mut self, beat: &Beat<'_>, nth: usize, fault: &Fault) -> Result<(), String> {
        let seen = &beat.gateways[fault.region];
        let hold = u64::from(seen.priority.health.hold_seconds) * 1000 + 1_000;
        let worse = |other: &Fault| {
            other.region == fault.region
                && other.spoils() > fault.spoils()
                && other.touches(fault.from.saturating_sub(WARM), fault.until)
        };
        if beat.truth.world.faults.iter().any(worse)
            || fault.until < fault.from + hold
            || !beat.truth.was_up(fault.region, fault.from.saturating_sub(WARM), beat.now)
        {
            return Ok(());
        }
        if beat.now < fault.from + hold {
            self.slowest[nth] = self.slowest[nth].min(beat.rates[fault.region]);
        }
        if beat.now < fault.from + hold + DELAY || std::mem::replace(&mut self.done[nth], true) {
            return Ok(());
        }
        let verdict = seen.report.map_or(Verdict::Healthy, |report| report.verdict);
        if self.slowest[nth] < 100.0 {
            return Ok(());
        }
        self.judged += 1;
        if verdict >= Verdict::Recovering {
            return Ok(());
        }
        let lasted = seconds(beat.now.min(fault.until) - fault.from);
        Err(format!("{} is {verdict} though {:?} lasted {lasted}", name(beat, fault.region), fault.what))
    }
}

impl Invariant for Told {
    fn name(&self) -> &'static str {
        "31-s-always-shift"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        let world = beat.truth.world;
        for (nth, fault) in world.faults.iter().enumerate() {
            if fault.route.is_none() && fault.spoils() >= CLEAR_PERCENT && fault.from <= beat.now {
                self.look(beat, nth, fault)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
