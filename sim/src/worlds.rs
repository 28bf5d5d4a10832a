//! Many worlds, in as many threads as asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::invariants::{self, Violation};
use crate::run::{Outcome, Play, Tally, play};
use crate::world::{Millis, Wish, World, generate};

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many worlds ran.
    pub worlds: u64,
    /// By how many regions they had.
    pub sizes: BTreeMap<usize, u64>,
    /// The seeds of those that broke something, with what it was.
    pub failures: BTreeMap<u64, Violation>,
    /// How often each invariant had something to judge.
    pub judged: BTreeMap<&'static str, u64>,
    /// Milliseconds of virtual time.
    pub virtual_time: Millis,
    /// Requests, lost ones, spilled ones, steps of deciding.
    pub tally: Tally,
    /// Milliseconds to convergence of each world that got there.
    pub convergence: Vec<Millis>,
}

/// Plays one world against all invariants.
#[must_use]
pub fn judge(world: &World, play_as: Play) -> Outcome {
    play(world, play_as, &mut invariants::all(world))
}

/// Plays the worlds of `count` seeds from `from` on; `broken` hears of each failure as it is found.
#[must_use]
pub fn play_many(
    from: u64,
    count: u64,
    threads: usize,
    wish: Wish,
    broken: &(dyn Fn(u64, &Violation) + Sync),
) -> Summary {
    let (next, summary) = (AtomicU64::new(0), Mutex::new(Summary::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= count {
                        return;
                    }
                    let (seed, world) = (from + nth, generate(from + nth, wish));
                    let outcome = judge(&world, Play::default());
                    if let Some(violation) = &outcome.violation {
                        broken(seed, violation);
                    }
                    summary.lock().unwrap_or_else(PoisonError::into_inner).add(seed, &world, outcome);
                }
            });
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Summary {
    fn add(&mut self, seed: u64, world: &World, outcome: Outcome) {
        self.worlds += 1;
        *self.sizes.entry(world.regions.len()).or_default() += 1;
        self.virtual_time += outcome.tally.lasted;
        for (name, judged) in outcome.judged {
            *self.judged.entry(name).or_default() += judged;
        }
        self.tally.requests += outcome.tally.requests;
        self.tally.lost += outcome.tally.lost;
        self.tally.spilled += outcome.tally.spilled;
        self.tally.steps += outcome.tally.steps;
        self.convergence.extend(outcome.tally.converged_after);
        if let Some(violation) = outcome.violation {
            self.failures.insert(seed, violation);
        }
    }
}
