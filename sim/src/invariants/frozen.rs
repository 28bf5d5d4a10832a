//! A frozen region's traffic stands still: while people have frozen its own region, no verdict changes where a gateway's
//! arrivals go.
//!
//! By truth: the freeze is in force from the moment at which it has reached the gateway. One that has just started decides
//! freely for five seconds, and another change of what people want may move what it must.

use spillway_decide::{Priority, Shares};

use super::{Invariant, name};
use crate::run::Beat;
use crate::world::{Millis, World};

/// What a gateway that starts takes to look around, and a few steps.
const SETTLED: Millis = 6_000;

/// What is held of a frozen gateway.
#[derive(Debug)]
struct Held {
    priority: Priority,
    shares: Shares,
}

#[derive(Debug)]
pub(super) struct Frozen {
    held: Vec<Option<Held>>,
    judged: u64,
}

impl Frozen {
    pub(super) fn new(world: &World) -> Self {
        Self { held: world.regions.iter().map(|_| None).collect(), judged: 0 }
    }
}

impl Invariant for Frozen {
    fn name(&self) -> &'static str {
        "a-frozen-region-stands-still"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for (region, seen) in beat.gateways.iter().enumerate() {
            let me = name(beat, region);
            let settled = seen.since.is_some_and(|since| since + SETTLED <= beat.now);
            let decision = seen.decision.filter(|_| settled && seen.priority.is_frozen(me));
            let Some(decision) = decision else {
                self.held[region] = None;
                continue;
            };
            let held = self.held[region].take().filter(|held| held.priority == *seen.priority);
            // The step that learns of the freeze may still do what the one before it wanted.
            let Some(held) = held else {
                let (priority, shares) = (seen.priority.clone(), decision.shares.clone());
                self.held[region] = Some(Held { priority, shares });
                continue;
            };
            self.judged += 1;
            if held.shares != decision.shares {
                return Err(format!(
                    "{me} is frozen, and its arrivals went to {} and go to {}",
                    held.shares, decision.shares
                ));
            }
            self.held[region] = Some(held);
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
