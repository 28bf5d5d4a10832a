//! Things that go wrong: every kind for every duration at every intensity. Many of these are too short or too
//! mild to be faults; the truth tells which.

use super::{LEAD_MILLIS, Scene, Trial};
use crate::course::{Course, Effect, ROUTES, Shape, Sight, Spell};
use crate::latency::Latency;

/// Seconds that things last.
pub const SECONDS: &[u64] = &[5, 15, 25, 29, 31, 35, 60, 300, 1800];
/// How many times the bound they are.
const INTENSITIES: &[f64] = &[0.5, 0.9, 1.1, 2.0, 10.0];
/// Bounds that intensities are of.
const ERRORS: f64 = 0.05;
const LATENCY_MILLIS: f64 = 1500.0;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All latencies grow alike, until the 95th percentile is so many times the bound.
    Latency,
    /// So many times the allowed errors.
    Errors,
    /// Nine requests in ten take so many times the latency bound; probes are well.
    GraySlow,
    /// Nine requests in ten fail; probes are well.
    GrayErrors,
    /// Some routes fail, the others are well: so many times the allowed errors in all.
    PartialRoutes,
    /// Requests reach the backends and are never answered: so many times the allowed errors.
    Blackhole,
    /// The front door: neither clients nor the other regions reach it.
    DoorBlackhole,
    /// Backends leave one after another over a third of the time: errors grow to so many times the bound.
    SlowDrain,
    /// Two of three regions have the same errors at the same time.
    CorrelatedErrors,
    /// Two of three regions are slow at the same time.
    CorrelatedLatency,
}

/// Names, kinds and intensities.
const KINDS: &[(&str, Kind, &[f64])] = &[
    ("latency", Kind::Latency, INTENSITIES),
    ("errors", Kind::Errors, INTENSITIES),
    ("gray, 90 % slow", Kind::GraySlow, INTENSITIES),
    ("gray, 90 % fail", Kind::GrayErrors, &[18.0]),
    ("partial routes", Kind::PartialRoutes, INTENSITIES),
    ("blackhole of backends", Kind::Blackhole, INTENSITIES),
    ("blackhole of the front door", Kind::DoorBlackhole, &[20.0]),
    ("slow drain", Kind::SlowDrain, INTENSITIES),
    ("correlated errors", Kind::CorrelatedErrors, INTENSITIES),
    ("correlated latency", Kind::CorrelatedLatency, INTENSITIES),
];

/// All of them at one volume.
pub(super) fn trials(volume: u32) -> impl Iterator<Item = Trial> {
    KINDS.iter().flat_map(move |(family, kind, intensities)| {
        intensities.iter().flat_map(move |intensity| {
            SECONDS.iter().map(move |seconds| trial(family, *kind, *intensity, *seconds, volume))
        })
    })
}

fn trial(family: &'static str, kind: Kind, intensity: f64, seconds: u64, volume: u32) -> Trial {
    let spell = spell(kind, intensity, LEAD_MILLIS, LEAD_MILLIS + seconds * 1000);
    let course = Course { spells: vec![spell], ..Course::calm(volume.into()) };
    let mut scene = Scene::one(course, seconds * 1000);
    if matches!(kind, Kind::CorrelatedErrors | Kind::CorrelatedLatency) {
        scene.all_serve = true;
        scene.regions[1].spells.push(spell);
    }
    let detail = format!("{intensity} times the bound for {seconds} s");
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let seconds = seconds as f64;
    Trial { family, detail, intensity: Some(intensity), seconds, volume, seed: 0, scene }
}

fn spell(kind: Kind, intensity: f64, from: u64, to: u64) -> Spell {
    let errors = ERRORS * intensity;
    let slow = Latency { p95_millis: LATENCY_MILLIS * intensity, spread: 0.6 };
    let effect = match kind {
        Kind::Latency | Kind::CorrelatedLatency => Effect::Slow(1.0, slow),
        Kind::GraySlow => Effect::Slow(0.9, Latency { spread: 0.05, ..slow }),
        Kind::GrayErrors => Effect::Errors(0.9),
        Kind::Errors | Kind::PartialRoutes | Kind::SlowDrain | Kind::CorrelatedErrors => {
            Effect::Errors(errors)
        }
        Kind::Blackhole => Effect::Hang(errors),
        Kind::DoorBlackhole => Effect::Unreachable([true; 2]),
    };
    let sight = match kind {
        Kind::GraySlow | Kind::GrayErrors => Sight::Nothing,
        Kind::PartialRoutes => Sight::Routes(failing_routes(errors)),
        _ => Sight::All,
    };
    let shape = if kind == Kind::SlowDrain { Shape::Ramp(1.0 / 3.0) } else { Shape::Step };
    Spell { from, to, shape, effect, sight }
}

/// So few routes that they must fail altogether to make so many errors.
fn failing_routes(errors: f64) -> usize {
    (1..ROUTES)
        .find(|routes| f64::from(u8::try_from(*routes).unwrap_or(u8::MAX)) / 8.0 >= errors)
        .unwrap_or(ROUTES)
}
