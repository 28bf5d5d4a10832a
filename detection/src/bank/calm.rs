//! What must move nothing: waves within the bounds, load, deploys, pauses, lost probes, one bad client, short
//! cuts, and what every region has at once.

use super::{LEAD_MILLIS, Scene, Trial};
use crate::course::{Course, Effect, Load, Shape, Sight, Spell};
use crate::latency::Latency;

const SLOW: Latency = Latency { p95_millis: 4000.0, spread: 0.3 };
/// Bursts repeat as often as the declared window is long, so every window has the same mean.
const WINDOW_MILLIS: u64 = 10_000;
const ALLOWED: f64 = 0.05;

/// All of them at one volume.
pub(super) fn trials(volume: u32) -> Vec<Trial> {
    let mut trials = Vec::new();
    waves(volume, &mut trials);
    load(volume, &mut trials);
    deploys(volume, &mut trials);
    pauses(volume, &mut trials);
    probes(volume, &mut trials);
    everywhere(volume, &mut trials);
    trials
}

/// One course for a while.
fn noise(family: &'static str, detail: String, volume: u32, seconds: u64, spells: Vec<Spell>) -> Trial {
    let course = Course { spells, ..Course::calm(volume.into()) };
    Trial {
        family,
        detail,
        intensity: None,
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        seconds: seconds as f64,
        volume,
        seed: 0,
        scene: Scene::one(course, seconds * 1000),
    }
}

/// From the end of the lead, for so many seconds.
const fn lasting(seconds: u64, effect: Effect) -> Spell {
    Spell::step(LEAD_MILLIS, LEAD_MILLIS + seconds * 1000, effect)
}

/// Bursts whose mean over every window is within the bound, of a service and of one bad client among many.
fn waves(volume: u32, trials: &mut Vec<Trial>) {
    for part in [0.5, 0.9] {
        for millis in [1000_u64, 2000, 4000] {
            let height = ALLOWED * part * 10_000.0 / f64::from(u32::try_from(millis).unwrap_or(u32::MAX));
            let shape = Shape::Bursts(millis, WINDOW_MILLIS);
            for (family, effect) in [
                ("waves of errors", Effect::Errors(height)),
                ("waves of slowness", Effect::Slow(height, SLOW)),
            ] {
                let detail = format!("{part} times the bound, in bursts of {millis} ms");
                let spell = Spell { shape, ..lasting(600, effect) };
                trials.push(noise(family, detail, volume, 600, vec![spell]));
            }
        }
        let client = Spell {
            shape: Shape::Bursts(300, 1000),
            sight: Sight::Nothing,
            ..lasting(600, Effect::Errors(ALLOWED * part / 0.3))
        };
        let detail = format!("its errors are {part} times what is allowed");
        trials.push(noise("one bad client", detail, volume, 600, vec![client]));
    }
}

/// A day in fifteen minutes; latency grows with load, to eight tenths of its bound at most.
fn load(volume: u32, trials: &mut Vec<Trial>) {
    for (strain, words) in [(0.0, "latency stays"), (8.75, "latency follows")] {
        let mut trial = noise("diurnal load", words.to_owned(), volume, 900, Vec::new());
        trial.scene.regions[0].load =
            Load { mean: volume.into(), swing: 0.8, period_millis: 900_000, strain };
        trials.push(trial);
    }
}

/// Eight backends are replaced, one every ten seconds; or a bad version is out for twenty seconds.
fn deploys(volume: u32, trials: &mut Vec<Trial>) {
    let restarts = |millis| Spell {
        shape: Shape::Bursts(millis, WINDOW_MILLIS),
        ..lasting(80, Effect::Errors(1.0 / 8.0))
    };
    for millis in [1000, 3000] {
        let detail = format!("each of 8 backends fails for {millis} ms");
        trials.push(noise("deploys", detail, volume, 80, vec![restarts(millis)]));
    }
    let cold = lasting(20, Effect::Slow(0.2, SLOW));
    trials.push(noise("deploys", "caches are cold for 20 s".to_owned(), volume, 60, vec![cold]));
    let bad = lasting(20, Effect::Errors(0.5));
    trials.push(noise("deploys", "half fail for 20 s, then rolled back".to_owned(), volume, 60, vec![bad]));
}

/// Everything stands still and goes on.
fn pauses(volume: u32, trials: &mut Vec<Trial>) {
    for (millis, every) in [(500, 5_000), (1_000, 10_000), (1_900, 20_000), (3_000, 60_000)] {
        let stall = Spell { shape: Shape::Bursts(millis, every), ..lasting(600, Effect::Stall) };
        trials.push(noise("GC pauses", format!("{millis} ms every {every} ms"), volume, 600, vec![stall]));
    }
}

/// Probes that are lost, a link that is cut, a door that is gone for less than its hold.
fn probes(volume: u32, trials: &mut Vec<Trial>) {
    for part in [0.001, 0.005, 0.009] {
        let detail = format!("{:.1} % of all probes", part * 100.0);
        let lost = lasting(1800, Effect::LostProbes([part; 3]));
        trials.push(noise("probe loss", detail, volume, 1800, vec![lost]));
    }
    for seconds in [60, 300] {
        let cut = lasting(seconds, Effect::Unreachable([true, false]));
        let detail = format!("one other region cannot reach it for {seconds} s");
        trials.push(noise("cut link", detail, volume, seconds, vec![cut]));
    }
    for millis in [1000, 3000] {
        let effect = Effect::Unreachable([true; 2]);
        let flap = Spell { shape: Shape::Bursts(millis, 30_000), ..lasting(600, effect) };
        let detail = format!("gone for {millis} ms every 30 s");
        trials.push(noise("short cuts", detail, volume, 600, vec![flap]));
    }
}

/// A bad version everywhere, at once or region after region: nowhere is better.
fn everywhere(volume: u32, trials: &mut Vec<Trial>) {
    for (words, effect) in [
        ("half fail", Effect::Errors(0.5)),
        ("one in ten fails", Effect::Errors(0.1)),
        ("all are slow", Effect::Slow(1.0, SLOW)),
    ] {
        for apart in [0, 2000] {
            let detail = format!("{words} for 120 s, {apart} ms apart");
            let mut trial = noise("everywhere", detail, volume, 130, Vec::new());
            trial.scene.all_serve = true;
            for (later, course) in (0..).zip(&mut trial.scene.regions) {
                let from = LEAD_MILLIS + later * apart;
                course.spells.push(Spell::step(from, from + 120_000, effect));
            }
            trials.push(trial);
        }
    }
}
