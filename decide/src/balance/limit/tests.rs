//! The limit against a backend in virtual time: some workers, and a queue before them.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// So many steps make a second.
const STEPS: u64 = 1000;

struct World {
    limit: Limit,
    workers: usize,
    /// Milliseconds that a request takes once a worker has it.
    service: Box<dyn FnMut() -> u64>,
    /// Arrivals of each class a second.
    rates: [f64; 2],
    due: [f64; 2],
    queue: VecDeque<(Class, u64)>,
    busy: Vec<(Class, u64, u64)>,
    now: u64,
    /// Answers and refusals of each class since they were last read.
    served: [u64; 2],
    shed: [u64; 2],
    limited: LimitedHere,
}

#[derive(Clone, Copy, PartialEq)]
enum LimitedHere {
    All,
    Spilled,
}

impl World {
    fn new(workers: usize, service: impl FnMut() -> u64 + 'static, own: f64, spilled: f64) -> Self {
        Self {
            limit: Limit::new(Time(0)),
            workers,
            service: Box::new(service),
            rates: [own, spilled],
            due: [0.0; 2],
            queue: VecDeque::new(),
            busy: Vec::new(),
            now: 0,
            served: [0; 2],
            shed: [0; 2],
            limited: LimitedHere::All,
        }
    }

    fn in_flight(&self, class: Class) -> usize {
        let waiting = self.queue.iter().filter(|(of, _)| *of == class).count();
        waiting + self.busy.iter().filter(|(of, ..)| *of == class).count()
    }

    fn step(&mut self) {
        self.now += 1;
        let now = self.now;
        let done: Vec<_> = self.busy.extract_if(.., |(.., end)| *end <= now).collect();
        for (class, began, _) in done {
            self.served[class as usize] += 1;
            let latency = Duration::from_millis(now - began);
            self.limit.finished(Time(now), class, Some(latency));
        }
        for class in [Class::Own, Class::Spilled] {
            self.due[class as usize] += self.rates[class as usize] / f64::from(u32::try_from(STEPS).unwrap());
            while self.due[class as usize] >= 1.0 {
                self.due[class as usize] -= 1.0;
                self.arrive(class);
            }
        }
        while self.busy.len() < self.workers
            && let Some((class, began)) = self.queue.pop_front()
        {
            let end = now + (self.service)();
            self.busy.push((class, began, end));
        }
    }

    fn arrive(&mut self, class: Class) {
        let own = self.in_flight(Class::Own);
        let all = self.queue.len() + self.busy.len();
        if self.limited == LimitedHere::All {
            self.limit.be_eager();
        }
        let asked = class == Class::Spilled || self.limited == LimitedHere::All;
        if asked && !self.limit.admits(class, own, all) {
            self.shed[class as usize] += 1;
            return;
        }
        self.queue.push_back((class, self.now));
        self.limit.began(all + 1);
    }

    /// Answers a second of each class.
    fn run(&mut self, seconds: u64) -> [f64; 2] {
        (self.served, self.shed) = ([0; 2], [0; 2]);
        (0..seconds * STEPS).for_each(|_| self.step());
        self.served.map(|count| {
            f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(seconds).unwrap())
        })
    }
}

/// Exponential-like service times that fall the same in every run.
fn noisy(mean: f64) -> impl FnMut() -> u64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of a test")]
        let millis = (-mean * (1.0 - uniform.min(0.9999)).ln()).round() as u64;
        millis.max(1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Twice as much comes as the backend can: it goes on doing all that it can, and nobody waits for long.
    #[test]
    fn a_full_backend_stays_full_and_its_queue_short(workers in 4_usize..40, service in 5_u64..60) {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let capacity = workers as f64 * 1000.0 / service as f64;
        let mut world = World::new(workers, move || service, capacity * 0.7, 0.0);
        world.run(5);
        world.rates[0] = capacity * 2.0;
        world.run(20);
        let served = world.run(20)[0];
        prop_assert!(served >= capacity * 0.95, "{served} of {capacity}");
        let limit = world.limit.limit().unwrap();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let most = workers as f64 * 5.0 + 20.0;
        prop_assert!(limit <= most, "{limit} for {workers} workers");
    }

    /// Answers take as long as they like, and half of the workers are idle: nobody is turned away.
    #[test]
    fn noise_is_no_queue(workers in 20_usize..60, mean in 10_u32..80) {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let capacity = workers as f64 * 1000.0 / f64::from(mean);
        let mut world = World::new(workers, noisy(mean.into()), capacity * 0.5, 0.0);
        world.run(60);
        let (served, shed) = (world.served[0], world.shed[0]);
        prop_assert!(shed * 200 <= served, "{shed} refused, {served} served; {:?}", world.limit);
    }

    /// Whatever comes from elsewhere, our own are served as if it did not.
    #[test]
    fn helping_costs_our_own_nothing(own in 0.3_f64..0.95, spilled in 0.1_f64..3.0) {
        let (workers, service) = (20, 20);
        let capacity = 1000.0;
        let mut world = World::new(workers, move || service, capacity * own, 0.0);
        world.limited = LimitedHere::Spilled;
        world.run(5);
        world.rates[1] = capacity * spilled;
        // What came before the limit was known has to be worked off.
        world.run(80);
        let served = world.run(20);
        prop_assert!(served[0] >= capacity * own * 0.99, "{served:?} of {}", capacity * own);
        let possible = (capacity * spilled).min(capacity * (1.0 - own));
        prop_assert!(served[1] >= possible * 0.8, "{served:?}, {possible} were possible; {:?}", world.limit);
    }
}

/// Every answer takes a hundred times as long, for half a minute: that is for the verdict to judge.
#[test]
fn a_slow_fault_is_no_queue() {
    let slow = std::rc::Rc::new(std::cell::Cell::new(20));
    let service = std::rc::Rc::clone(&slow);
    let mut world = World::new(10_000, move || service.get(), 50.0, 500.0);
    world.limited = LimitedHere::Spilled;
    world.run(10);
    slow.set(2000);
    let served = world.run(29);
    assert_eq!((world.shed, world.limit.limit()), ([0, 0], None), "{served:?}");
}

/// A backend whose answers take ten times as long from now on, with workers enough, is believed in the end.
#[test]
fn what_is_slow_for_another_reason_is_not_held_back_for_ever() {
    for limited in [LimitedHere::All, LimitedHere::Spilled] {
        let slow = std::rc::Rc::new(std::cell::Cell::new(10));
        let service = std::rc::Rc::clone(&slow);
        let mut world = World::new(1000, move || service.get(), 200.0, 100.0);
        world.limited = limited;
        world.run(10);
        slow.set(100);
        world.run(150);
        let served = world.run(30);
        assert!(served[0] >= 195.0 && served[1] >= 95.0, "{served:?}; {:?}", world.limit);
    }
}

/// Full once, with little in flight; minutes later all of the neighbour's traffic comes, and is let in. Without any
/// traffic in between the first answer says so, and what came before it is turned away.
#[test]
fn what_was_full_once_is_forgotten() {
    for (quiet, own, remembered) in [(60, 50.0, true), (200, 50.0, false), (200, 0.0, false)] {
        let mut world = World::new(4, || 20, 50.0, 0.0);
        world.limited = LimitedHere::Spilled;
        world.run(10);
        world.rates[0] = 300.0;
        world.run(5);
        assert!(world.limit.limit().is_some_and(|limit| limit < 100.0), "{:?}", world.limit);
        (world.workers, world.rates[0]) = (1000, own);
        world.run(quiet);
        world.rates[1] = 10_000.0;
        world.run(10);
        assert_eq!(world.shed[1] > 500, remembered, "{quiet} s: {:?} {:?}", world.shed, world.limit);
    }
}

#[test]
fn without_a_queue_there_is_no_limit() {
    let mut world = World::new(50, || 20, 1000.0, 0.0);
    assert!(world.run(30)[0] > 999.0);
    assert_eq!((world.limit.limit(), world.limit.lowest_millis()), (None, Some(20.0)));
    let flow = world.limit.flow().unwrap();
    assert!((flow.own_rate - 1000.0).abs() < 30.0, "{flow:?}");
}
