//! What must be true of every world in every step.
//!
//! Each invariant is a file: what it means, what it tolerates, and a message that says what was seen. What it
//! judges by is [`crate::world::Truth`], which knows the faults, never the arithmetic of `decide`. Where it must
//! remember something from step to step, it remembers what it has seen.

mod answered;
mod cap;
mod convergence;
mod frozen;
mod granted;
mod hash;
mod hold;
mod moves;
mod one_hop;
mod reach;
mod routes;
mod told;

use crate::run::Beat;
use crate::world::{Millis, World};

/// One thing that must be true.
pub trait Invariant {
    /// Its name, as reports show it.
    fn name(&self) -> &'static str;

    /// Looks at a step.
    ///
    /// # Errors
    /// What was seen that must not be.
    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String>;

    /// How often there was something to judge: an invariant that never had is proof of nothing.
    fn judged(&self) -> u64;

    /// When all was well again after the last trouble, for the one that knows.
    fn converged_after(&self) -> Option<Millis> {
        None
    }
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Millis,
    /// Which.
    pub invariant: &'static str,
    /// What was seen.
    pub message: String,
}

/// All of them, fresh for a world.
#[must_use]
pub fn all(world: &World) -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(one_hop::OneHop::default()),
        Box::new(granted::Granted::new(world)),
        Box::new(answered::Answered::default()),
        Box::new(cap::Cap::new(world)),
        Box::new(hold::Hold::new(world)),
        Box::new(told::Told::new(world)),
        Box::new(reach::Reach::new(world)),
        Box::new(moves::Moves::default()),
        Box::new(hash::Hash::default()),
        Box::new(routes::Routes::new(world)),
        Box::new(frozen::Frozen::new(world)),
        Box::new(convergence::Convergence::new(world)),
    ]
}

/// The first that a step breaks.
pub fn check(invariants: &mut [Box<dyn Invariant>], beat: &Beat<'_>) -> Option<Violation> {
    invariants.iter_mut().find_map(|invariant| {
        let message = invariant.check(beat).err()?;
        Some(Violation { at: beat.now, invariant: invariant.name(), message })
    })
}

/// The name of a region.
fn name<'a>(beat: &'a Beat<'_>, region: usize) -> &'a str {
    beat.truth.world.regions.get(region).map_or("?", |region| region.name.as_str())
}

/// Seconds, for messages.
fn seconds(millis: Millis) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}
