//! A failing world, made small: what is left is what it takes.

use crate::run::Play;
use crate::world::{Fault, World};
use crate::worlds::judge;

/// So many worlds are tried at most.
const TRIES: usize = 400;

/// The smallest world found that breaks the same invariant, greedily: fewer faults, changes and regions, shorter
/// faults, plainer clocks and resolvers.
#[must_use]
pub fn shrink(world: &World, invariant: &str, play: Play) -> World {
    let mut smallest = world.clone();
    let mut tries = 0;
    'again: loop {
        for candidate in candidates(&smallest) {
            tries += 1;
            if tries > TRIES {
                return smallest;
            }
            let violation = judge(&candidate, play).violation;
            if violation.is_some_and(|violation| violation.invariant == invariant) {
                smallest = candidate;
                continue 'again;
            }
        }
        return smallest;
    }
}

/// Worlds that are a little simpler, the greatest simplification first.
fn candidates(world: &World) -> Vec<World> {
    let mut simpler = Vec::new();
    simpler.extend((0..world.faults.len()).rev().map(|nth| without_fault(world, nth)));
    simpler.extend((0..world.changes.len()).rev().map(|nth| without_change(world, nth)));
    if world.regions.len() > 1 {
        simpler.extend((0..world.regions.len()).rev().map(|region| world.without(region)));
    }
    simpler.extend((0..world.faults.len()).flat_map(|nth| shorter(world, nth)));
    simpler.extend(plainer(world));
    simpler
}

fn without_fault(world: &World, nth: usize) -> World {
    let mut world = world.clone();
    world.faults.remove(nth);
    world
}

fn without_change(world: &World, nth: usize) -> World {
    let mut world = world.clone();
    world.changes.remove(nth);
    world
}

fn shorter(world: &World, nth: usize) -> Vec<World> {
    let lasts = world.faults[nth].until - world.faults[nth].from;
    let with = |change: &dyn Fn(&mut Fault)| {
        let mut world = world.clone();
        change(&mut world.faults[nth]);
        world
    };
    let mut simpler = Vec::new();
    if lasts > 2_000 {
        simpler.push(with(&|fault| fault.until = fault.from + lasts / 2 / 1000 * 1000));
        simpler.push(with(&|fault| fault.until -= 1_000));
    }
    if !world.faults[nth].from.is_multiple_of(1000) {
        simpler.push(with(&|fault| {
            (fault.from, fault.until) = (fault.from / 1000 * 1000, fault.until / 1000 * 1000);
        }));
    }
    simpler
}

/// Plain clocks, no noise, honest resolvers, and everybody up from the beginning: each for all regions at once.
fn plainer(world: &World) -> Vec<World> {
    let with = |change: &dyn Fn(&mut crate::world::Region)| {
        let mut plain = world.clone();
        plain.regions.iter_mut().for_each(change);
        (plain != *world).then_some(plain)
    };
    let simpler = [
        with(&|region| (region.clock_ahead, region.clock_drift) = (0, 0)),
        with(&|region| region.noise = 0),
        with(&|region| region.stretch = 0),
        with(&|region| region.starts = 0),
        with(&|region| region.distance = 5),
    ];
    simpler.into_iter().flatten().collect()
}
