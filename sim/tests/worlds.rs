//! Random worlds hold; a seed is a world and a world is its file.

use spillway_sim::run::Play;
use spillway_sim::world::{Fault, What, Wish, World, generate};
use spillway_sim::worlds::{judge, play_many};

/// A few of the ten thousand that `make sim` plays.
#[test]
fn random_worlds_hold() {
    let summary = play_many(0, 80, 2, Wish::default(), &|_, _| ());
    assert!(summary.failures.is_empty(), "replay with `spillway-sim run --seed S`: {:#?}", summary.failures);
    let idle: Vec<_> = summary.judged.iter().filter(|(_, judged)| **judged == 0).collect();
    assert!(idle.is_empty(), "nothing to judge for {idle:?}");
}

#[test]
fn a_seed_replays_a_world() {
    let story =
        || judge(&generate(17, Wish { regions: Some(3) }), Play { tell: true, lie: None }).story.to_string();
    let first = story();
    assert!(first.lines().count() > 5, "{first}");
    assert_eq!(first, story());
}

#[test]
fn a_file_replays_a_world() {
    let world = generate(23, Wish { regions: Some(7) });
    let text = serde_json::to_string(&world).unwrap();
    let read: World = serde_json::from_str(&text).unwrap();
    assert_eq!(read, world);
}

#[test]
fn bad_worlds_are_refused_by_name() {
    let good = generate(23, Wish { regions: Some(3) });
    assert_eq!(good.check(), Ok(()));
    let with = |change: &dyn Fn(&mut World)| {
        let mut world = good.clone();
        change(&mut world);
        world.check().expect_err("it is bad").to_string()
    };
    let fault = Fault { region: 0, what: What::Cut(3), from: 5, until: 9, route: None };
    assert_eq!(with(&|world| world.regions.clear()), "regions: 0 of them; 1 to 64 are allowed");
    let beyond = with(&|world| world.faults.push(fault.clone()));
    assert!(beyond.starts_with("faults: ") && beyond.ends_with("names a region beyond 2"), "{beyond}");
    let backwards = with(&|world| {
        world.faults.push(Fault { region: 0, what: What::Dead, from: 9, until: 5, route: None });
    });
    assert!(backwards.ends_with("ends before it begins"), "{backwards}");
    let strange = with(&|world| world.regions[1].name = "atlantis".to_owned());
    assert_eq!(strange, "priority: chengdu is not among the regions");
}

#[test]
fn a_world_without_a_region_has_nothing_of_it() {
    let world = generate(5, Wish { regions: Some(7) });
    let smaller = world.without(2);
    assert_eq!(smaller.regions.len(), 6);
    assert_eq!(smaller.check(), Ok(()));
    assert!(!smaller.priority.contains("beijing"));
}
