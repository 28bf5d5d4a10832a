//! A world from a seed.
//!
//! Faults are clear: they spoil at least 30 percent of requests or at most 2, and last whole numbers of
//! seconds among which 29 and 31 are frequent. What is near a bound belongs to the detection bank.

use rand::Rng;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use spillway_decide::{Enforcement, Intent, Mode, Priority, PriorityRegion, Recovery, Shift};

use super::{Change, Fault, Millis, Region, What, World};

/// What a world is asked to be; the seed decides the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// So many regions.
    pub regions: Option<usize>,
}

/// How many regions worlds have, and how many in ten thousand have so many. Large ones cost hundreds of times as
/// much as small ones.
const SIZES: [(usize, u32); 5] = [(1, 300), (2, 2500), (3, 5995), (7, 1200), (37, 5)];
const NAMES: [&str; 7] = ["shenzhen", "chengdu", "beijing", "xian", "wuhan", "jinan", "harbin"];
const SECONDS: [u64; 12] = [2, 5, 10, 15, 25, 29, 29, 31, 31, 35, 45, 60];
/// Windows are full by then.
const FIRST_FAULT: Millis = 18_000;
/// Faults begin within so many seconds.
const BEGINS_WITHIN: u64 = 70;

/// The world of a seed.
#[must_use]
pub fn generate(seed: u64, wish: Wish) -> World {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let size = size(&mut rng);
    let size = wish.regions.unwrap_or(size).clamp(1, 64);
    let rate = if rng.random_bool(0.15) { rng.random_range(30..100) } else { rng.random_range(130..240) };
    let mode = if size < 37 && rng.random_bool(0.3) { Mode::Local } else { Mode::Ordered };
    let rate = if mode == Mode::Local { rate * u32::try_from(size).unwrap_or(1) } else { rate };
    let regions: Vec<Region> = (0..size).map(|number| region(&mut rng, number, rate)).collect();
    let priority = priority(&mut rng, mode, &regions);
    let mut faults = faults(&mut rng, size);
    let mut changes = changes(&mut rng, &priority);
    command(seed, &priority, &mut changes);
    let clients = if size > 7 { 8 } else { 40 };
    let routes = routes(seed, rate, size, &mut faults);
    World { seed, priority, regions, rate, clients, routes, faults, changes }
}

/// In some worlds routes are told apart, and one of them is bad in some regions. Drawn last and by itself, so that
/// what else a seed makes stays as it is.
fn routes(seed: u64, rate: u32, size: usize, faults: &mut Vec<Fault>) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1_000);
    if rate < 130 || size > 7 || rng.random_bool(0.65) {
        return Vec::new();
    }
    let shares =
        [vec![55, 25, 20], vec![20, 40, 40], vec![70, 15, 15], vec![25, 25, 25, 25], vec![10, 30, 30, 30]];
    let routes = shares.choose(&mut rng).cloned().unwrap_or_default();
    let percent = *[1, 30, 50, 90, 100, 100].choose(&mut rng).unwrap_or(&100);
    let from = FIRST_FAULT + rng.random_range(0..BEGINS_WITHIN * 1000);
    let until = from + *SECONDS.choose(&mut rng).unwrap_or(&29) * 1000;
    let everywhere = rng.random_bool(0.25);
    let at = if rng.random_bool(0.6) { 0 } else { rng.random_range(0..size) };
    let kind = rng.random_range(0..3);
    for region in (0..size).filter(|region| everywhere || *region == at) {
        let what = [What::Errors(percent), What::Slow(percent), What::Hang(percent)];
        let what = what.into_iter().nth(kind).unwrap_or(What::Errors(percent));
        faults.push(Fault { region, what, from, until, route: Some(0) });
    }
    routes
}

fn size(rng: &mut ChaCha8Rng) -> usize {
    let mut dice = rng.random_range(0..10_000);
    for (size, weight) in SIZES {
        if dice < weight {
            return size;
        }
        dice -= weight;
    }
    3
}

fn region(rng: &mut ChaCha8Rng, number: usize, rate: u32) -> Region {
    let name = NAMES.get(number).map_or_else(|| format!("region-{number:02}"), |name| (*name).to_owned());
    let tight = number > 0 && rng.random_bool(0.1);
    Region {
        name,
        capacity: if tight { rate / 3 } else { rate * rng.random_range(3..6) },
        distance: rng.random_range(1..30),
        clock_ahead: rng.random_range(-300_000..300_000),
        clock_drift: rng.random_range(-200..=200),
        starts: rng.random_range(0..3_000),
        noise: rng.random_range(0..50),
        stretch: if rng.random_bool(0.3) { rng.random_range(40..90) } else { 0 },
    }
}

fn priority(rng: &mut ChaCha8Rng, mode: Mode, regions: &[Region]) -> Priority {
    let entry = |region: &Region| PriorityRegion { name: region.name.clone(), intent: Intent::Auto };
    let quick =
        Recovery { hold_seconds: 10, max_hold_seconds: 40, steps_percent: vec![25, 100], step_seconds: 5 };
    let witnessed = rng.random_bool(0.7);
    Priority {
        enforcement: if rng.random_bool(0.03) { Enforcement::Observe } else { Enforcement::Enforce },
        mode,
        regions: regions.iter().map(entry).collect(),
        shift: Shift { max_drained_regions: if rng.random_bool(0.75) { 1 } else { 2 }, ..Shift::default() },
        recovery: if rng.random_bool(0.04) { Recovery::default() } else { quick },
        witnesses: if witnessed { vec!["192.0.2.1:443".to_owned()] } else { Vec::new() },
        ..Priority::default()
    }
}

fn faults(rng: &mut ChaCha8Rng, size: usize) -> Vec<Fault> {
    let count = *[0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5].choose(rng).unwrap_or(&1);
    let mut faults: Vec<Fault> = (0..count).map(|_| fault(rng, size)).collect();
    // Two at once are what tests by hand forget.
    if let [first, .., last] = faults.as_mut_slice()
        && rng.random_bool(0.3)
    {
        let lasts = last.until - last.from;
        last.from = first.from + rng.random_range(0..3_000);
        last.until = last.from + lasts;
    }
    faults
}

fn fault(rng: &mut ChaCha8Rng, size: usize) -> Fault {
    // The first region has most of the traffic, so it gets more of the faults.
    let region = if rng.random_bool(0.4) { 0 } else { rng.random_range(0..size) };
    let from = FIRST_FAULT + rng.random_range(0..BEGINS_WITHIN * 10) * 100 + rng.random_range(0..100);
    let seconds = *SECONDS.choose(rng).unwrap_or(&29);
    let what = what(rng, size, region);
    Fault { region, what, from, until: from + seconds * 1000, route: None }
}

fn what(rng: &mut ChaCha8Rng, size: usize, region: usize) -> What {
    let percent = *[1, 2, 30, 50, 90, 100].choose(rng).unwrap_or(&100);
    let links = if size > 1 { 14 } else { 7 };
    let other = if size > 1 { (region + rng.random_range(1..size)) % size } else { region };
    match rng.random_range(0..links) {
        0 | 1 => What::Errors(percent),
        2 | 3 => What::Slow(percent),
        4 => What::Hang(percent),
        6 if rng.random_bool(0.3) => What::Shortage(*[10, 20].choose(rng).unwrap_or(&20)),
        5 | 6 => What::Dead,
        7 | 8 => What::Cut(other),
        9 => What::OneWay(other),
        10 => What::Lossy(other, *[5, 20, 60].choose(rng).unwrap_or(&20)),
        11 => What::Laggy(other, *[50, 200, 700].choose(rng).unwrap_or(&50)),
        12 if size == 2 => What::NoWitness,
        12 => What::Island,
        _ => What::Partition((0..size).filter(|far| *far != region && rng.random_bool(0.4)).collect()),
    }
}

fn changes(rng: &mut ChaCha8Rng, priority: &Priority) -> Vec<Change> {
    let count = *[0, 0, 0, 1, 2].choose(rng).unwrap_or(&0);
    let (mut wanted, mut at) = (priority.clone(), FIRST_FAULT);
    let mut changes = Vec::new();
    for _ in 0..count {
        at += rng.random_range(1_000..40_000);
        change(rng, &mut wanted);
        let lag = priority.regions.iter().map(|_| lag(rng)).collect();
        changes.push(Change { at, lag, priority: wanted.clone() });
    }
    changes
}

/// In some worlds an operator drains, pins or freezes a region for a while. Gateways tell each other, so all know within a
/// second or two. Drawn by itself, as routes are.
fn command(seed: u64, priority: &Priority, changes: &mut Vec<Change>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(2_000);
    if priority.regions.len() < 2 || rng.random_bool(0.8) {
        return;
    }
    let nth = if rng.random_bool(0.6) { 0 } else { rng.random_range(0..priority.regions.len()) };
    let Some(region) = priority.names().nth(nth) else { return };
    let from = FIRST_FAULT + rng.random_range(0..BEGINS_WITHIN * 1000);
    let until = from + rng.random_range(5_000..60_000);
    let kind = rng.random_range(0..4);
    let mut lag = || priority.regions.iter().map(|_| rng.random_range(10..1_500)).collect::<Vec<Millis>>();
    let wanted = |changes: &[Change], at: Millis| {
        let last = changes.iter().rfind(|change| change.at <= at);
        last.map_or_else(|| priority.clone(), |change| change.priority.clone())
    };
    let (begin, end) = (wanted(changes, from), wanted(changes, until));
    changes.push(Change { at: from, lag: lag(), priority: begin });
    changes.push(Change { at: until, lag: lag(), priority: end });
    changes.sort_by_key(|change| change.at);
    let in_force =
        |change: &&mut Change| (from..until).contains(&change.at) && change.priority.contains(region);
    for change in changes.iter_mut().filter(in_force) {
        order(&mut change.priority, region, kind);
    }
}

fn order(priority: &mut Priority, region: &str, kind: u32) {
    let ordered = priority.orders.entry(region.to_owned()).or_default();
    let intent = match kind {
        0 => Intent::Drained,
        1 => Intent::Pinned,
        _ => {
            ordered.freeze = Some("frozen by an operator".to_owned());
            return;
        }
    };
    ordered.intent = Some("by an operator".to_owned());
    for entry in priority.regions.iter_mut().filter(|entry| entry.name == region) {
        entry.intent = intent;
    }
}

/// Most gateways learn of a change within a second; some are long without their API server.
fn lag(rng: &mut ChaCha8Rng) -> Millis {
    if rng.random_bool(0.2) { rng.random_range(1_000..30_000) } else { rng.random_range(10..1_000) }
}

fn change(rng: &mut ChaCha8Rng, priority: &mut Priority) {
    let size = priority.regions.len();
    if size == 0 {
        return;
    }
    let (one, other) = (rng.random_range(0..size), rng.random_range(0..size));
    match rng.random_range(0..5) {
        0 => priority.regions.swap(one, other),
        4 if size > 2 => drop(priority.regions.remove(one)),
        1 => priority.regions[one].intent = Intent::Drained,
        2 => priority.regions[one].intent = Intent::Pinned,
        _ => priority.regions[one].intent = Intent::Auto,
    }
}
