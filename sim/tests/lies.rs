//! Each invariant is seen to fail: a gateway that lies about what was decided is caught, by the invariant that
//! is there for it, in a world that an honest gateway gets through.

#![expect(clippy::expect_used, reason = "tests may fail loudly")]

use spillway_decide::{Mode, Priority, PriorityRegion, Recovery};
use spillway_sim::run::{Lie, Play};
use spillway_sim::shrink::shrink;
use spillway_sim::world::{Change, Fault, Region, What, World};
use spillway_sim::worlds::judge;

/// Three plain regions with this wrong with them, as region, what, and the seconds from and until.
fn world(faults: &[(usize, What, u64, u64)]) -> World {
    let region = |name: &str| Region {
        name: name.to_owned(),
        capacity: 900,
        distance: 5,
        clock_ahead: 0,
        clock_drift: 0,
        starts: 0,
        noise: 0,
        stretch: 0,
    };
    let names = ["shenzhen", "chengdu", "beijing"];
    let entry = |name: &str| PriorityRegion { name: name.to_owned(), ..PriorityRegion::default() };
    let fault = |(region, what, from, until): &(usize, What, u64, u64)| Fault {
        region: *region,
        what: what.clone(),
        from: from * 1000,
        until: until * 1000,
        route: None,
    };
    World {
        seed: 7,
        priority: Priority {
            regions: names.map(entry).into(),
            recovery: Recovery {
                hold_seconds: 10,
                max_hold_seconds: 40,
                steps_percent: vec![50, 100],
                step_seconds: 40,
            },
            ..Priority::default()
        },
        regions: names.map(region).into(),
        rate: 180,
        routes: Vec::new(),
        clients: 40,
        faults: faults.iter().map(fault).collect(),
        changes: Vec::new(),
    }
}

fn broken(world: &World, lie: Option<Lie>) -> Option<(&'static str, String)> {
    judge(world, Play { lie, tell: false })
        .violation
        .map(|violation| (violation.invariant, violation.message))
}

fn catches(invariant: &str, lie: Lie, world: &World) {
    assert_eq!(broken(world, None), None, "an honest gateway gets through");
    let (caught_by, message) = broken(world, Some(lie)).expect("the lie is not seen");
    println!("{invariant}: {message}");
    assert_eq!(caught_by, invariant, "{message}");
}

#[test]
fn a_second_hop() {
    catches("no-two-hop-forward", Lie::SecondHop, &world(&[]));
}

#[test]
fn spill_without_a_grant() {
    let mut world = world(&[]);
    // Full with what comes to its own door, so that it takes hardly anything from the others'.
    world.regions[0].capacity = 168;
    catches("no-spill-without-a-grant", Lie::NoGrants, &world);
}

#[test]
fn an_empty_answer() {
    catches("no-empty-answer", Lie::EmptyAnswers, &world(&[(0, What::Slow(100), 20, 30)]));
}

#[test]
fn more_drained_than_the_cap() {
    let mut world = world(&[(0, What::Slow(100), 20, 70), (1, What::Errors(50), 22, 75)]);
    world.priority.mode = Mode::Local;
    world.rate = 400;
    catches("cap-on-drained-regions", Lie::NoCap, &world);
}

#[test]
fn a_shift_on_29_seconds() {
    for what in [What::Slow(100), What::Slow(30), What::Errors(90), What::Hang(50)] {
        catches("no-shift-on-29-s", Lie::ShortHold, &world(&[(0, what, 20, 49)]));
    }
}

#[test]
fn no_shift_on_31_seconds() {
    for what in [What::Slow(100), What::Slow(30), What::Errors(90), What::Hang(50)] {
        catches("31-s-always-shift", Lie::LongHold, &world(&[(0, what, 20, 51)]));
    }
}

#[test]
fn a_lone_vote_gives_up() {
    catches("no-false-shift-on-a-cut", Lie::LoneVote, &world(&[(2, What::Cut(0), 20, 40)]));
}

#[test]
fn nobody_comes_home() {
    catches("convergence", Lie::NoReturn, &world(&[(0, What::Dead, 20, 40)]));
}

#[test]
fn clients_are_drawn_anew() {
    let world = world(&[(0, What::Slow(100), 20, 78)]);
    catches("shares-move-whom-they-take", Lie::SaltedHash, &world);
}

#[test]
fn clients_are_sent_away_for_nothing() {
    catches("nobody-moves-who-need-not", Lie::Wanderlust, &world(&[(1, What::Slow(100), 20, 30)]));
}

#[test]
fn a_route_goes_where_it_was_shed() {
    let mut world = world(&[(0, What::Errors(100), 20, 75)]);
    world.routes = vec![40, 30, 30];
    world.faults[0].route = Some(0);
    catches("routes-move-alone-and-to-where-they-are-well", Lie::OneForAll, &world);
}

#[test]
fn a_bad_route_is_not_told() {
    let mut world = world(&[(0, What::Errors(60), 20, 75)]);
    world.routes = vec![40, 30, 30];
    world.faults[0].route = Some(0);
    catches("routes-move-alone-and-to-where-they-are-well", Lie::Hush, &world);
}

#[test]
fn what_is_frozen_moves() {
    let mut world = world(&[(0, What::Slow(100), 20, 78)]);
    let at = |seconds: u64, priority| Change { at: seconds * 1000, lag: vec![10; 3], priority };
    let mut frozen = world.priority.clone();
    frozen.orders.entry("shenzhen".to_owned()).or_default().freeze = Some("frozen by alice".to_owned());
    world.changes = vec![at(25, frozen), at(100, world.priority.clone())];
    catches("a-frozen-region-stands-still", Lie::Thaw, &world);
}

/// What is left of a failing world is what it takes.
#[test]
fn a_failing_world_shrinks() {
    let mut big = world(&[
        (1, What::Cut(2), 25, 60),
        (0, What::Slow(100), 20, 49),
        (2, What::Dead, 30, 50),
        (0, What::Lossy(2, 20), 22, 90),
    ]);
    big.regions[1].clock_ahead = 90_000;
    let play = Play { lie: Some(Lie::ShortHold), tell: false };
    let small = shrink(&big, "no-shift-on-29-s", play);
    assert_eq!((small.regions.len(), small.faults.len()), (1, 1), "{small:?}");
    let lasts = small.faults[0].until - small.faults[0].from;
    assert!((27_000..=29_000).contains(&lasts), "{small:?}");
    assert_eq!(small.regions[0].clock_ahead, 0);
    assert_eq!(judge(&small, play).violation.map(|violation| violation.invariant), Some("no-shift-on-29-s"));
}
