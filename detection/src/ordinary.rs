//! A region-year of ordinary noise: what happens to a well-run service anyhow, none of it a fault.
//!
//! Load follows the day, from 30 to 170 requests a second; one request in 500 fails and one probe in 1000 is lost.
//! On top come incidents, each at random: see [`INCIDENTS`]. Detectors run over every incident, 20 s before to 15 s
//! after. Between incidents nothing is simulated, for there is nothing to find: [`quiet_breaches`] is how often in a
//! region-year a window of such a stretch breaks a bound at all, and a false shift needs thirty seconds of it.

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Poisson};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::bank::{Scene, TAIL_MILLIS, Trial};
use crate::course::{CALM, Course, Effect, Load, Shape, Spell, as_float};
use crate::detect::Kind;
use crate::latency::Latency;
use crate::stats::float;
use crate::trial::{Outcome, run};
use crate::truth::{Class, Promise};

const DAY_MILLIS: u64 = 86_400_000;
const YEAR_DAYS: u64 = 365;
/// Before an incident: windows fill. To it comes as much as makes the incident begin at any place in a window of
/// ten seconds.
const LEAD_MILLIS: u64 = 20_000;
/// Incidents nearer than this are run together.
const TOGETHER_MILLIS: u64 = 60_000;
const MEAN_RATE: f64 = 100.0;
const SWING: f64 = 0.7;
const LOST_PROBES: f64 = 0.001;

/// How often a day, what, for how many milliseconds (from, to).
type Incident = (f64, &'static str, (u64, u64), fn(&mut Pcg64Mcg) -> (Effect, Shape));

/// What happens to a well-run region.
pub const INCIDENTS: &[Incident] = &[
    (6.0, "a pause of everything, of half a second to two", (500, 2_000), |_| (Effect::Stall, Shape::Step)),
    (1.0, "a deploy: eight backends, each failing for one to three seconds", (80_000, 80_000), |dice| {
        (Effect::Errors(0.125), Shape::Bursts(dice.random_range(10..=30) * 100, 10_000))
    }),
    (1.0, "a brown-out: 5 to 100 % of requests fail", (1_000, 20_000), |dice| {
        (Effect::Errors(dice.random_range(0.05..=1.0)), Shape::Step)
    }),
    (1.0, "a slow spell: the 95th percentile is at one to four times the bound", (1_000, 20_000), |dice| {
        let p95_millis = 1500.0 * dice.random_range(1.0..=4.0);
        (Effect::Slow(1.0, Latency { p95_millis, spread: 0.6 }), Shape::Step)
    }),
    (1.0, "one other region loses its link", (10_000, 600_000), |_| {
        (Effect::Unreachable([true, false]), Shape::Step)
    }),
    (1.0, "one bad client: up to 3 % of requests fail", (60_000, 600_000), |dice| {
        (Effect::Errors(dice.random_range(0.01..=0.03) / 0.3), Shape::Bursts(300, 1_000))
    }),
    (0.15, "a short cut of the front door", (500, 3_000), |_| (Effect::Unreachable([true; 2]), Shape::Step)),
];

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Ordinary {
    /// How much was looked at.
    pub region_years: f64,
    /// Incidents, or several together.
    pub incidents: u64,
    /// Of these, such as add up to a fault by definition; they are not counted.
    pub faults: u64,
    /// False shifts of each detector.
    pub wrong: Vec<u64>,
}

/// Runs so many region-years.
#[must_use]
pub fn run_years(years: u64, seed: u64, kinds: &[Kind], promise: &Promise) -> Ordinary {
    let trials = (0..years).flat_map(|year| incidents(seed.wrapping_mul(7919).wrapping_add(year), YEAR_DAYS));
    let trials: Vec<Trial> = trials.collect();
    let outcomes: Vec<Outcome> = trials.into_par_iter().map(|trial| run(trial, kinds, promise)).collect();
    let faults = outcomes.iter().filter(|outcome| outcome.truth.class != Class::Noise).count();
    let noise = || outcomes.iter().filter(|outcome| outcome.truth.class == Class::Noise);
    let wrong = |place: usize| noise().filter(|outcome| outcome.reactions[place].moved.is_some()).count();
    Ordinary {
        region_years: float(years),
        incidents: outcomes.len() as u64,
        faults: faults as u64,
        wrong: (0..kinds.len()).map(|place| wrong(place) as u64).collect(),
    }
}

/// The incidents of some days, as trials.
fn incidents(seed: u64, days: u64) -> impl Iterator<Item = Trial> {
    let mut dice = Pcg64Mcg::seed_from_u64(seed);
    let mut spells = Vec::new();
    for (a_day, _, (shortest, longest), draw) in INCIDENTS {
        let many = Poisson::new(a_day * as_float(days)).map_or(0.0, |poisson| poisson.sample(&mut dice));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        for _ in 0..many as u64 {
            let from = dice.random_range(0..days * DAY_MILLIS / 100) * 100;
            let lasting = dice.random_range(*shortest..=*longest) / 100 * 100;
            let (effect, shape) = draw(&mut dice);
            spells.push(Spell { shape, ..Spell::step(from, from + lasting, effect) });
        }
    }
    spells.sort_by_key(|spell| spell.from);
    let groups = spells.chunk_by(|one, next| next.from < one.to + TOGETHER_MILLIS).map(<[Spell]>::to_vec);
    (0..).zip(groups.collect::<Vec<_>>()).map(move |(number, spells)| trial(seed, number, spells))
}

/// A group of incidents, with the load of its time of day.
fn trial(seed: u64, number: u64, mut spells: Vec<Spell>) -> Trial {
    let start = spells.first().map_or(0, |spell| spell.from);
    let day = as_float(start % DAY_MILLIS) / as_float(DAY_MILLIS);
    let rate = MEAN_RATE * (1.0 + SWING * (day * std::f64::consts::TAU).sin());
    let lead = LEAD_MILLIS + start % 10_000;
    for spell in &mut spells {
        (spell.from, spell.to) = (spell.from - start + lead, spell.to - start + lead);
    }
    let end = spells.iter().map(|spell| spell.to).max().unwrap_or(LEAD_MILLIS);
    let millis = end + TAIL_MILLIS;
    spells.push(Spell::step(0, millis, Effect::LostProbes([LOST_PROBES; 3])));
    let course = Course { load: Load::steady(rate), calm: CALM, spells };
    Trial {
        family: "ordinary",
        detail: String::new(),
        intensity: None,
        seconds: as_float(millis) / 1000.0,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "30 to 170")]
        volume: rate as u32,
        seed: seed.wrapping_mul(1_000_003).wrapping_add(number),
        scene: Scene { millis, ..Scene::one(course, 0) },
    }
}

/// How many windows of quiet traffic break the bound in a region-year, at the lowest load: an upper bound, from
/// the binomial tail of ten seconds, ten times a second.
#[must_use]
pub fn quiet_breaches() -> f64 {
    let requests = 10.0 * MEAN_RATE * (1.0 - SWING);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "300")]
    let requests = requests as u64;
    let bad = CALM.errors + CALM.latency.above(1500.0);
    let tail = Binomial::new(bad, requests).map_or(1.0, |count| count.sf(requests / 20));
    tail * as_float(YEAR_DAYS * DAY_MILLIS / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::truth;

    #[test]
    fn a_quiet_year_breaks_no_bound() {
        assert!(quiet_breaches() < 1e-4, "{}", quiet_breaches());
    }

    #[test]
    fn a_month_is_about_what_the_table_says_and_nearly_all_noise() {
        let trials: Vec<Trial> = incidents(1, 30).collect();
        assert!((250..=380).contains(&trials.len()), "{}", trials.len());
        let faults = trials
            .iter()
            .filter(|trial| matches!(truth(&trial.scene, &Promise::default()).class, Class::Fault { .. }));
        assert!(faults.count() <= 2);
    }
}
