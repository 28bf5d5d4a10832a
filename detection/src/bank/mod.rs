//! The scenarios, as data: [`faults`] and [`calm`] are tables of words and numbers; a seed sets the moment at
//! which things begin. A federation has three regions; all is told of the first.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::course::{Course, TICK_MILLIS};

pub mod calm;
pub mod faults;

/// Requests a second, and how often each scenario is tried at that volume.
pub const VOLUMES: &[(u32, u32)] = &[(20, 2), (50, 2), (100, 2), (300, 2), (1000, 1), (3000, 1)];
/// From this volume on the product promises its hold to the second.
pub const PROMISED_VOLUME: u32 = 100;
/// Nothing happens before: windows are full, and every detector knows what is normal.
pub const LEAD_MILLIS: u64 = 40_000;
/// Nothing happens after: what is late may still come.
pub const TAIL_MILLIS: u64 = 15_000;

/// What truly happens in one trial.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The three regions; the first is the one that is watched.
    pub regions: [Course; 3],
    /// Whether the other two have traffic of their own (else they stand by).
    pub all_serve: bool,
    /// How long it takes.
    pub millis: u64,
}

/// One trial: a scenario at a volume with a seed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The scenario's family.
    pub family: &'static str,
    /// What is particular to it, in words.
    pub detail: String,
    /// How many times the bound, where that says something.
    pub intensity: Option<f64>,
    /// How long what happens lasts, in seconds.
    pub seconds: f64,
    /// Requests a second.
    pub volume: u32,
    /// Everything that chance decides follows from it.
    pub seed: u64,
    /// What happens.
    pub scene: Scene,
}

/// The whole bank, in a fixed order.
#[must_use]
pub fn bank(seed: u64) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (volume, repeats) in VOLUMES {
        for _ in 0..*repeats {
            trials.extend(faults::trials(*volume));
            trials.extend(calm::trials(*volume));
        }
    }
    for (number, trial) in (0..).zip(&mut trials) {
        trial.seed = seed.wrapping_mul(1_000_003).wrapping_add(number);
        shift(&mut trial.scene, &mut Pcg64Mcg::seed_from_u64(trial.seed));
    }
    trials
}

/// Everything begins up to ten seconds later, on the grain of courses: at any place in a tumbling window.
fn shift(scene: &mut Scene, dice: &mut Pcg64Mcg) {
    let later = dice.random_range(0..100) * TICK_MILLIS;
    for spell in scene.regions.iter_mut().flat_map(|course| &mut course.spells) {
        (spell.from, spell.to) = (spell.from + later, spell.to + later);
    }
    scene.millis += later;
}

impl Scene {
    /// Only the first region has anything to do.
    #[must_use]
    pub fn one(course: Course, lasting: u64) -> Self {
        let rate = course.load.mean;
        Self {
            regions: [course, Course::calm(rate), Course::calm(rate)],
            all_serve: false,
            millis: LEAD_MILLIS + lasting + TAIL_MILLIS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bank() {
        let scenes = |seed| bank(seed).into_iter().map(|trial| format!("{trial:?}")).collect::<Vec<_>>();
        assert_eq!(scenes(1), scenes(1));
        assert_ne!(scenes(1), scenes(2));
    }
}
