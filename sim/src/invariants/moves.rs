//! Nobody moves who need not: a client goes to another region than before only if that one comes before the
//! old one in the order of its door, or if there is a cause.
//!
//! By truth, a cause is anything of the last while (the time within which everything converges): the region
//! that the client leaves ailed (its backends, its capacity, its gateway), it was nearly full, a quorum had
//! trouble to reach it, the door's gateway was down or had trouble to reach it, or people changed what they
//! want. Everything else that goes wrong in a world is no reason. Requests that came back to the door because
//! a grant was spent or a link broke are not looked at.

use std::collections::HashMap;

use super::{Invariant, name, seconds};
use crate::run::{Beat, Path};
use crate::world::Millis;
use spillway_decide::Mode;

#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Who served each client last, and when.
    last: HashMap<usize, (usize, Millis)>,
    judged: u64,
}

impl Moves {
    fn judge(&mut self, beat: &Beat<'_>, path: &Path, from: usize, to: usize) -> Result<(), String> {
        if rank(beat, path.door, to) < rank(beat, path.door, from) {
            return Ok(());
        }
        self.judged += 1;
        let since = beat.now.saturating_sub(beat.truth.world.convergence());
        if has_cause(beat, path.door, from, since) {
            return Ok(());
        }
        Err(format!(
            "client {} at the door of {} went from {} to {}, and nothing was wrong with {} for {}",
            path.client,
            name(beat, path.door),
            name(beat, from),
            name(beat, to),
            name(beat, from),
            seconds(beat.now - since)
        ))
    }
}

/// The place of a region in the order of a door.
fn rank(beat: &Beat<'_>, door: usize, region: usize) -> usize {
    let priority = beat.gateways[door].priority;
    if priority.mode == Mode::Local && door == region {
        return 0;
    }
    let name = name(beat, region);
    priority.names().position(|other| other == name).map_or(usize::MAX, |place| place + 1)
}

fn has_cause(beat: &Beat<'_>, door: usize, from: usize, since: Millis) -> bool {
    let truth = beat.truth;
    let voters = truth.world.regions.len().saturating_sub(1);
    let lost = voters - truth.reaching(from, since, beat.now);
    truth.ailed(from, since, beat.now)
        || truth.changed(since, beat.now)
        || !truth.was_up(door, since, beat.now)
        || (door != from
            && !(truth.reached(door, from, since, beat.now) && truth.reached(from, door, since, beat.now)))
        || lost > voters / 2
}

impl Invariant for Moves {
    fn name(&self) -> &'static str {
        "nobody-moves-who-need-not"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for path in beat.requests.iter().filter(|path| !path.returned) {
            let Some(to) = path.served else { continue };
            let before = self.last.insert(path.client, (to, path.at));
            if let Some((from, _)) = before.filter(|(from, at)| *from != to && *at <= path.at) {
                self.judge(beat, path, from, to)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
