//! The definition as a table: what happens, and what it is.

use super::*;
use crate::bank::Scene;
use crate::course::{Effect, Shape, Spell};
use crate::latency::Latency;

const START: u64 = 40_000;

fn of(spells: Vec<Spell>) -> Truth {
    let course = Course { spells, ..Course::calm(300.0) };
    truth(&Scene::one(course, 200_000), &Promise::default())
}

fn step(seconds: f64, effect: Effect) -> Spell {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's seconds")]
    let millis = (seconds * 1000.0) as u64;
    Spell::step(START, START + millis, effect)
}

#[test]
fn what_is_a_fault() {
    let slow = |times: f64| Effect::Slow(1.0, Latency { p95_millis: 1500.0 * times, spread: 0.6 });
    let door = Effect::Unreachable([true; 2]);
    let bursts = |length, height| Spell {
        shape: Shape::Bursts(length, 10_000),
        ..step(100.0, Effect::Errors(height))
    };
    let table: &[(&str, Spell, bool, bool)] = &[
        // what, spell, a fault, plain
        ("29 s of errors", step(29.0, Effect::Errors(0.5)), false, true),
        ("30 s of errors", step(30.0, Effect::Errors(0.5)), false, false),
        ("31 s of errors", step(31.0, Effect::Errors(0.5)), true, true),
        ("31 s just above the bound", step(31.0, Effect::Errors(0.055)), true, false),
        ("for ever just below the bound", step(150.0, Effect::Errors(0.045)), false, false),
        ("for ever at half the bound", step(150.0, Effect::Errors(0.025)), false, true),
        ("31 s slow", step(31.0, slow(2.0)), true, true),
        ("31 s a little slow", step(31.0, slow(0.9)), false, true),
        ("31 s of hangs", step(31.0, Effect::Hang(0.2)), true, true),
        ("5 s without a door", step(5.0, door), false, false),
        ("6 s without a door", step(6.0, door), true, true),
        ("4 s without a door", step(4.0, door), false, true),
        ("one cannot reach it", step(60.0, Effect::Unreachable([true, false])), false, true),
        ("lost probes", step(150.0, Effect::LostProbes([0.009; 3])), false, true),
        ("bursts within the bound", bursts(2000, 0.22), false, false),
        ("bursts beyond the bound", bursts(2000, 0.6), true, true),
    ];
    for (what, spell, fault, plain) in table {
        let truth = of(vec![*spell]);
        assert_eq!((matches!(truth.class, Class::Fault { .. }), truth.plain), (*fault, *plain), "{what}");
    }
}

#[test]
fn a_fault_is_dated_by_its_true_edges() {
    let hold = Duration::from_secs(30);
    let truth = of(vec![step(60.0, Effect::Errors(0.5))]);
    assert_eq!(truth.class, Class::Fault { onset: START, end: START + 60_000, hold });
    let ramp = Spell { shape: Shape::Ramp(0.5), ..step(100.0, Effect::Errors(0.1)) };
    let Class::Fault { onset, end, .. } = of(vec![ramp]).class else { panic!("no fault") };
    assert!((23_000..25_500).contains(&(onset - START)), "half of the ramp is at the bound, not {onset}");
    assert_eq!(end, START + 100_000);
}

#[test]
fn two_short_ones_are_one_when_every_window_is_broken() {
    let second = Spell::step(START + 25_000, START + 45_000, Effect::Errors(0.5));
    assert!(matches!(of(vec![step(20.0, Effect::Errors(0.5)), second]).class, Class::Fault { .. }));
    let second = Spell::step(START + 31_000, START + 51_000, Effect::Errors(0.5));
    assert_eq!(of(vec![step(20.0, Effect::Errors(0.5)), second]).class, Class::Noise);
}

#[test]
fn what_all_have_is_no_fault_of_one() {
    let bad = || Course { spells: vec![step(60.0, Effect::Errors(0.5))], ..Course::calm(300.0) };
    let scene = |regions| Scene { regions, all_serve: true, millis: 120_000 };
    let all = scene([bad(), bad(), bad()]);
    assert_eq!(truth(&all, &Promise::default()).class, Class::Noise);
    let two = scene([bad(), bad(), Course::calm(300.0)]);
    assert!(matches!(truth(&two, &Promise::default()).class, Class::Fault { .. }));
}
