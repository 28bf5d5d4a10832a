//! No false shift on a cut that leaves a majority: a region is given up as unreachable only when a quorum of
//! the others (more than half of those that have a vote) had trouble to reach it.
//!
//! By truth: another region had trouble when, at any moment of the last [`MEMORY`] milliseconds, one of the two
//! gateways was down or anything at all was wrong with connections that it opens to the region. A gateway may
//! take over what another one holds already.

use spillway_decide::voters;

use super::{Invariant, name};
use crate::run::Beat;
use crate::world::{Millis, World};

/// A window, the age of a vote, and the way of a report.
const MEMORY: Millis = 15_000;
/// So long ago somebody else may have held it.
const ADOPTED: Millis = 5_000;

#[derive(Debug)]
pub(super) struct Reach {
    /// When each gateway (row) held each region (column) to be unreachable last.
    held: Vec<Vec<Option<Millis>>>,
    judged: u64,
}

impl Reach {
    pub(super) fn new(world: &World) -> Self {
        let size = world.regions.len();
        Self { held: vec![vec![None; size]; size], judged: 0 }
    }

    fn judge(&self, beat: &Beat<'_>, gateway: usize, region: usize) -> Result<(), String> {
        let held = self.held.iter().filter_map(|row| row[region]).max();
        if held.is_some_and(|at| at + ADOPTED >= beat.now) {
            return Ok(());
        }
        let (voters, troubled) = trouble(beat, gateway, region);
        if troubled > voters / 2 {
            return Ok(());
        }
        let (gateway, region) = (name(beat, gateway), name(beat, region));
        Err(format!(
            "{gateway} gives {region} up, and {troubled} of {voters} regions had trouble to reach it"
        ))
    }
}

/// How many have a vote on a region, by a gateway's priority, and how many of them had trouble.
fn trouble(beat: &Beat<'_>, gateway: usize, region: usize) -> (usize, usize) {
    let world = beat.truth.world;
    let names = beat.gateways[gateway].priority.names();
    let voters = voters::of(&world.regions[region].name, names);
    let voters: Vec<usize> = voters.into_iter().filter_map(|name| world.index(name)).collect();
    let since = beat.now.saturating_sub(MEMORY);
    let troubled =
        voters.iter().filter(|voter| !beat.truth.reached(**voter, region, since, beat.now)).count();
    (voters.len(), troubled)
}

impl Invariant for Reach {
    fn name(&self) -> &'static str {
        "no-false-shift-on-a-cut"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for (gateway, seen) in beat.gateways.iter().enumerate() {
            let Some(report) = seen.report else { continue };
            for region in report.unreachable.iter().filter_map(|name| beat.truth.world.index(name)) {
                let known = self.held[gateway][region].is_some_and(|at| at + 200 >= beat.now);
                if !known {
                    self.judged += 1;
                    self.judge(beat, gateway, region)?;
                }
                self.held[gateway][region] = Some(beat.now);
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
