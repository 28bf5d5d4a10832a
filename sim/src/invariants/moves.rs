//! Nobody moves who need not: a client goes to another region than before only if that one comes before the
//! old one in the order of its door, or if there is a cause.
//!
//! By truth, a cause is anything of the last while (the time within which everything converges): the region
//! that the client leaves ailed (its backends, its capacity, its gateway), it was nearly full, a quorum had
//! trouble to reach it, the door's gateway was down or had trouble to reach it, or people changed what they
//! want; or people want the region empty. A route that went another way than the rest, and is to go home to a region
//! that its door does not reach, may be served at the door. Everything else that goes wrong in a world is no reason. Requests that came back to the door because
//! a grant was spent or a link broke are not looked at; nor is a client whose door changed its shares more than
//! once since it asked last, for it may have been meant for a third region in between.

use std::collections::HashMap;

use super::{Invariant, name, seconds};
use crate::run::{Beat, Path};
use crate::world::{Millis, route_name};
use spillway_decide::{Intent, Mode, Shares};

/// A route's steps home, and the time until silence is known.
const WAY_HOME: Millis = 30_000;

/// A client's last request.
#[derive(Clone, Copy, Debug)]
struct Last {
    at: Millis,
    door: usize,
    served: usize,
    /// Changes of its door's shares until then.
    changes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Who served each client last, and when.
    last: HashMap<(usize, Option<usize>), Last>,
    /// When each door last sent a route another way than the rest.
    alone: HashMap<(usize, usize), Millis>,
    /// The shares of each door, and how often they have changed.
    shares: Vec<(Shares, u64)>,
    judged: u64,
}

impl Moves {
    fn note_shares(&mut self, beat: &Beat<'_>) {
        self.shares.resize(beat.gateways.len(), (Shares::default(), 0));
        for ((shares, changes), seen) in self.shares.iter_mut().zip(beat.gateways) {
            let now = seen.decision.map(|decision| &decision.shares);
            if let Some(now) = now.filter(|now| *now != shares) {
                (*shares, *changes) = (now.clone(), *changes + 1);
            }
        }
    }

    fn note_routes(&mut self, beat: &Beat<'_>) {
        for (door, seen) in beat.gateways.iter().enumerate() {
            for route in 0..beat.truth.world.routes.len() {
                if seen.decision.is_some_and(|decision| decision.routes.contains_key(&route_name(route))) {
                    self.alone.insert((door, route), beat.now);
                }
            }
        }
    }

    /// Whether a request's route went another way than the rest, until some time ago.
    fn moved_alone(&self, path: &Path, now: Millis) -> bool {
        let last = path.route.and_then(|route| self.alone.get(&(path.door, route)));
        last.is_some_and(|last| now <= last + WAY_HOME)
    }

    fn changes(&self, door: usize) -> u64 {
        self.shares.get(door).map_or(0, |(_, changes)| *changes)
    }

    fn judge(&mut self, beat: &Beat<'_>, path: &Path, from: usize, to: usize) -> Result<(), String> {
        if rank(beat, path.door, to) < rank(beat, path.door, from) {
            return Ok(());
        }
        self.judged += 1;
        let since = beat.now.saturating_sub(beat.truth.world.convergence());
        let came_home = to == path.door && self.moved_alone(path, beat.now);
        if has_cause(beat, path.door, from, since) || (came_home && has_no_way_home(beat, path.door, from)) {
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

/// Who votes on a region.
fn voters(beat: &Beat<'_>, region: usize) -> Vec<usize> {
    let world = beat.truth.world;
    let names = world.regions.iter().map(|region| region.name.as_str());
    let voters = spillway_decide::voters::of(name(beat, region), names);
    voters.into_iter().filter_map(|name| world.index(name)).collect()
}

fn has_cause(beat: &Beat<'_>, door: usize, from: usize, since: Millis) -> bool {
    let truth = beat.truth;
    let voters = voters(beat, from);
    let lost = voters.iter().filter(|voter| !truth.reached(**voter, from, since, beat.now)).count();
    let unwanted = beat.gateways[door].priority.intent(name(beat, from)) == Intent::Drained;
    unwanted
        || truth.ailed(from, since, beat.now)
        || truth.changed(since, beat.now)
        || !truth.was_up(door, since, beat.now)
        || (door != from
            && !(truth.reached(door, from, since, beat.now) && truth.reached(from, door, since, beat.now)))
        || lost > voters.len() / 2
}

/// Whether a region that comes before another at a door was out of its reach lately, so that what should go home to
/// it cannot.
fn has_no_way_home(beat: &Beat<'_>, door: usize, from: usize) -> bool {
    let since = beat.now.saturating_sub(WAY_HOME);
    let mut homes = (0..beat.gateways.len()).filter(|home| rank(beat, door, *home) < rank(beat, door, from));
    homes.any(|home| home != door && !beat.truth.reached(door, home, since, beat.now))
}

impl Invariant for Moves {
    fn name(&self) -> &'static str {
        "nobody-moves-who-need-not"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        self.note_shares(beat);
        self.note_routes(beat);
        for path in beat.requests.iter().filter(|path| !path.returned) {
            let Some(served) = path.served else { continue };
            let now = Last { at: path.at, door: path.door, served, changes: self.changes(path.door) };
            let Some(last) = self.last.insert((path.client, path.route), now) else { continue };
            let known = last.door != path.door || now.changes <= last.changes + 1;
            if last.served != served
                && last.at <= path.at
                && known
                && self.changes(last.door) <= last.changes + 1
            {
                self.judge(beat, path, last.served, served)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
