//! What can be seen of a scene: requests and probes, drawn from its courses with a seed. Every detector gets the
//! same ticks.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution, Poisson};
use rand_pcg::Pcg64Mcg;
use spillway_decide::{Health, Time};

use crate::bank::Scene;
use crate::course::{CALM, Course, Moment, PATIENCE_MILLIS, ROUTES, TICK_MILLIS, as_float};

/// Trials begin at this time of the epoch.
pub const EPOCH: u64 = 1_790_000_000_000;
/// A request that fails at once takes so long.
const FAILED_MILLIS: u64 = 20;
/// A gateway gives a probe of another's front door so long.
const DOOR_TIMEOUT_MILLIS: u64 = 1000;
/// Probers all over the world, as a public DNS service has them.
pub const CHECKERS: usize = 16;
/// How often each of them asks.
const CHECK_MILLIS: u64 = 10_000;
/// Regions elsewhere that are well: Envoy compares at least five hosts.
pub const PEERS: usize = 4;
/// How often their counts are told.
pub const SWEEP_MILLIS: u64 = 10_000;

/// What becomes known of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// It ended.
    Ended {
        /// When.
        at: Time,
        /// After how long.
        latency: Duration,
        /// With a 5xx, or without an answer.
        failed: bool,
        /// It was told as overdue before.
        overdue: bool,
    },
    /// It passed the latency bound and is still in flight.
    Overdue {
        /// When it did.
        at: Time,
    },
    /// It never reached the region; its client gave up.
    Lost,
}

/// The outcome of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When it was sent.
    pub sent: Time,
    /// Whether it was answered well and in time.
    pub ok: bool,
}

/// What one tick shows of one region.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Requests that its gateway received.
    pub arrived: Vec<Time>,
    /// What became known of requests.
    pub samples: Vec<Sample>,
    /// Its probes of its own routes.
    pub own: Vec<Probe>,
    /// Probes of its front door by the two other regions.
    pub doors: [Vec<Probe>; 2],
    /// Whether those two can talk with it.
    pub linked: [bool; 2],
    /// Probes of the full path by checkers all over the world: whose, and whether it was answered well.
    pub checks: Vec<(usize, bool)>,
    /// Answers of the full path to a prober that asks each second.
    pub beats: Vec<Time>,
}

/// What one tick shows.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// The end of the tick.
    pub now: Time,
    /// The three regions, the watched one first.
    pub regions: [Seen; 3],
    /// Each [`SWEEP_MILLIS`]: requests and failures since the last time, of four regions elsewhere.
    pub peers: Option<[(u64, u64); PEERS]>,
    /// Whether all three have traffic.
    pub all_serve: bool,
}

/// The ticks of one trial.
pub struct Stream {
    sources: [Source; 3],
    dice: Pcg64Mcg,
    all_serve: bool,
    rate: f64,
    at: u64,
    end: u64,
    tick: Tick,
}

/// One region's requests and probes.
struct Source {
    course: Course,
    serves: bool,
    requests: Pcg64Mcg,
    probes: Pcg64Mcg,
    /// When in its second each prober asks.
    phases: [u64; 4],
    check_phases: [u64; CHECKERS],
    coming: Pending,
    coming_own: VecDeque<Vec<Probe>>,
    coming_doors: VecDeque<[Vec<Probe>; 2]>,
    coming_beats: VecDeque<Vec<Time>>,
}

/// How far ahead the end of a request may lie.
const AHEAD: usize = 110;

impl Stream {
    /// All that follows from the scene and the seed.
    #[must_use]
    pub fn new(scene: &Scene, seed: u64) -> Self {
        let mut number = 0;
        let sources = scene.regions.clone().map(|course| {
            number += 1;
            Source::new(course, number == 1 || scene.all_serve, seed.wrapping_mul(31).wrapping_add(number))
        });
        Self {
            sources,
            dice: Pcg64Mcg::seed_from_u64(!seed),
            all_serve: scene.all_serve,
            rate: scene.regions[0].load.mean,
            at: 0,
            end: scene.millis,
            tick: Tick::default(),
        }
    }

    /// The next tick, until the scene ends.
    pub fn next_tick(&mut self) -> Option<&Tick> {
        if self.at >= self.end {
            return None;
        }
        let at = self.at;
        for (source, seen) in self.sources.iter_mut().zip(&mut self.tick.regions) {
            source.tick(at, seen);
        }
        self.at += TICK_MILLIS;
        self.tick.now = Time(EPOCH + self.at);
        self.tick.all_serve = self.all_serve;
        self.tick.peers = self.at.is_multiple_of(SWEEP_MILLIS).then(|| self.elsewhere());
        Some(&self.tick)
    }

    /// Four regions that are calm.
    fn elsewhere(&mut self) -> [(u64, u64); PEERS] {
        let requests = self.rate * as_float(SWEEP_MILLIS) / 1000.0;
        std::array::from_fn(|_| {
            let all = poisson(requests, &mut self.dice);
            let failed = Binomial::new(all, CALM.errors).map_or(0, |failed| failed.sample(&mut self.dice));
            (all, failed)
        })
    }
}

impl Source {
    fn new(course: Course, serves: bool, seed: u64) -> Self {
        let mut probes = Pcg64Mcg::seed_from_u64(seed.wrapping_add(0x9e37_79b9));
        Self {
            course,
            serves,
            requests: Pcg64Mcg::seed_from_u64(seed),
            phases: std::array::from_fn(|_| probes.random_range(0..10) * TICK_MILLIS),
            check_phases: std::array::from_fn(|_| probes.random_range(0..100) * TICK_MILLIS),
            probes,
            coming: Pending::default(),
            coming_own: (0..AHEAD).map(|_| Vec::new()).collect(),
            coming_doors: (0..AHEAD).map(|_| Default::default()).collect(),
            coming_beats: (0..AHEAD).map(|_| Vec::new()).collect(),
        }
    }

    fn tick(&mut self, at: u64, seen: &mut Seen) {
        let moment = self.course.at(at + TICK_MILLIS / 2);
        seen.arrived.clear();
        if self.serves {
            self.send(at, &moment, seen);
        }
        self.probe(at, &moment);
        seen.checks.clear();
        for checker in 0..CHECKERS {
            if at % CHECK_MILLIS == self.check_phases[checker] {
                let answer = self.full_path(at, &moment).filter(|latency| *latency <= 2000.0);
                seen.checks.push((checker, answer.is_some() && !moment.cut_off()));
            }
        }
        seen.linked = moment.unreachable.map(|cut| !cut);
        self.coming.turn(&mut seen.samples);
        turn(&mut self.coming_own, &mut seen.own);
        turn(&mut self.coming_beats, &mut seen.beats);
        let doors = self.coming_doors.pop_front().unwrap_or_default();
        self.coming_doors.push_back(Default::default());
        seen.doors = doors;
    }

    /// A tick's requests.
    fn send(&mut self, at: u64, moment: &Moment, seen: &mut Seen) {
        let requests = poisson(moment.rate * as_float(TICK_MILLIS) / 1000.0, &mut self.requests);
        for _ in 0..requests {
            let start = at + self.requests.random_range(0..TICK_MILLIS);
            if moment.cut_off() {
                self.coming.later(at, start + patience(), Sample::Lost);
                continue;
            }
            seen.arrived.push(Time(EPOCH + start));
            let (latency, failed) = draw(moment, &mut self.requests);
            self.coming.request(at, start, latency, failed);
        }
    }

    /// The probers whose turn it is.
    fn probe(&mut self, at: u64, moment: &Moment) {
        let sent = Time(EPOCH + at);
        let turn = at % 1000;
        if turn == self.phases[0] {
            let (ok, known) = self.own_probe(at, moment);
            if let Some(tick) = self.coming_own.get_mut(ahead(at, at + known)) {
                tick.push(Probe { sent, ok });
            }
        }
        for voter in 0..2 {
            if turn == self.phases[1 + voter] {
                let lost = self.probes.random_bool(moment.lost_probes[1 + voter]);
                let ok = !moment.unreachable[voter] && !lost;
                let known = if ok { 0 } else { DOOR_TIMEOUT_MILLIS };
                if let Some(tick) = self.coming_doors.get_mut(ahead(at, at + known)) {
                    tick[voter].push(Probe { sent, ok });
                }
            }
        }
        if turn == self.phases[3] {
            let answer = self.full_path(at, moment).filter(|_| !moment.unreachable[0]);
            if let Some(latency) = answer {
                let arrival = at + whole(latency);
                if let Some(tick) = self.coming_beats.get_mut(ahead(at, arrival)) {
                    tick.push(Time(EPOCH + arrival));
                }
            }
        }
    }

    /// A round of probes of all routes: bad when at least half of them are; known when the last one is.
    fn own_probe(&mut self, at: u64, moment: &Moment) -> (bool, u64) {
        let mut bad = 0;
        let mut waited = false;
        for route in 0..ROUTES {
            let seen = self.course.route(at + TICK_MILLIS / 2, route);
            let (latency, failed) = draw(&seen, &mut self.probes);
            waited |= latency > bound();
            bad += usize::from(failed || latency > bound());
        }
        let lost = self.probes.random_bool(moment.lost_probes[0]);
        (2 * bad < ROUTES && !lost, if waited || lost { bound() } else { 0 })
    }

    /// A probe of any one route through the front door: how long it took, if it was answered well.
    fn full_path(&mut self, at: u64, moment: &Moment) -> Option<f64> {
        let route = self.probes.random_range(0..ROUTES);
        let seen = self.course.route(at + TICK_MILLIS / 2, route);
        let (latency, failed) = draw(&seen, &mut self.probes);
        let lost = self.probes.random_bool(moment.lost_probes[1]);
        (!failed && !lost).then(|| as_float(latency))
    }
}

/// What will become known of requests in flight, tick by tick.
pub(crate) struct Pending(VecDeque<Vec<Sample>>);

impl Default for Pending {
    fn default() -> Self {
        Self((0..AHEAD).map(|_| Vec::new()).collect())
    }
}

impl Pending {
    /// A request that starts now and will end after `latency`.
    pub(crate) fn request(&mut self, now: u64, start: u64, latency: u64, failed: bool) {
        let overdue = latency > bound();
        if overdue {
            let passed = start + bound();
            self.later(now, passed, Sample::Overdue { at: Time(EPOCH + passed) });
        }
        let at = Time(EPOCH + start + latency);
        let latency_of = Duration::from_millis(latency);
        self.later(now, start + latency, Sample::Ended { at, latency: latency_of, failed, overdue });
    }

    fn later(&mut self, now: u64, at: u64, sample: Sample) {
        if let Some(tick) = self.0.get_mut(ahead(now, at)) {
            tick.push(sample);
        }
    }

    /// Moves what becomes known in this tick to `due`.
    pub(crate) fn turn(&mut self, due: &mut Vec<Sample>) {
        turn(&mut self.0, due);
    }
}

/// The latency past which a gateway tells of a request in flight.
fn bound() -> u64 {
    Health::default().max_latency_p95_milliseconds.into()
}

/// One request's fate: how long it takes, and whether it fails.
fn draw(moment: &Moment, dice: &mut Pcg64Mcg) -> (u64, bool) {
    let fate: f64 = dice.random();
    if fate < moment.errors {
        return (FAILED_MILLIS, true);
    }
    if moment.hang > 0.0 && dice.random_bool(moment.hang) {
        return (patience(), true);
    }
    let latency = match moment.slow {
        Some((part, slow)) if part >= 1.0 || dice.random_bool(part) => slow.draw(dice),
        _ => moment.calm.draw(dice),
    };
    let latency = latency + moment.stall;
    if latency >= PATIENCE_MILLIS { (patience(), true) } else { (whole(latency), false) }
}

/// Which of the coming ticks a moment falls into.
fn ahead(now: u64, at: u64) -> usize {
    usize::try_from((at - now) / TICK_MILLIS).unwrap_or(usize::MAX)
}

/// Moves what is due out of the ring; the buffers are used again.
fn turn<T>(ring: &mut VecDeque<Vec<T>>, due: &mut Vec<T>) {
    due.clear();
    if let Some(mut tick) = ring.pop_front() {
        due.append(&mut tick);
        ring.push_back(tick);
    }
}

fn poisson(mean: f64, dice: &mut Pcg64Mcg) -> u64 {
    Poisson::new(mean).map_or(0, |poisson| {
        let count: f64 = poisson.sample(dice);
        whole(count)
    })
}

const fn patience() -> u64 {
    whole(PATIENCE_MILLIS)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and not negative")]
const fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::{Effect, Spell};

    fn ticks(effect: Effect, seed: u64) -> Vec<Tick> {
        let course = Course { spells: vec![Spell::step(5_000, 15_000, effect)], ..Course::calm(200.0) };
        let scene = Scene { millis: 30_000, ..Scene::one(course, 0) };
        let mut stream = Stream::new(&scene, seed);
        let mut all = Vec::new();
        while let Some(tick) = stream.next_tick() {
            all.push(tick.clone());
        }
        all
    }

    fn samples(ticks: &[Tick]) -> impl Iterator<Item = &Sample> {
        ticks.iter().flat_map(|tick| &tick.regions[0].samples)
    }

    #[test]
    fn a_seed_replays() {
        let story = |seed| format!("{:?}", ticks(Effect::Errors(0.5), seed));
        assert_eq!(story(1), story(1));
        assert_ne!(story(1), story(2));
    }

    #[test]
    fn draws_the_course() {
        let all = ticks(Effect::Errors(0.5), 3);
        let failed =
            samples(&all).filter(|sample| matches!(sample, Sample::Ended { failed: true, .. })).count();
        assert!((900..1100).contains(&failed), "half of 2000 and a few, not {failed}");
        let arrived: usize = all.iter().map(|tick| tick.regions[0].arrived.len()).sum();
        assert!((5700..6300).contains(&arrived), "{arrived}");
    }

    #[test]
    fn a_hang_is_overdue_and_then_fails() {
        let all = ticks(Effect::Hang(1.0), 4);
        let overdue = samples(&all).filter(|sample| matches!(sample, Sample::Overdue { .. })).count();
        let given_up = samples(&all)
            .filter(|sample| matches!(sample, Sample::Ended { failed: true, overdue: true, latency, .. } if latency.as_secs() == 10))
            .count();
        assert_eq!(overdue, given_up);
        assert!(overdue > 1800, "{overdue}");
    }

    #[test]
    fn nothing_gets_through_a_closed_door() {
        let all = ticks(Effect::Unreachable([true; 2]), 5);
        let lost = samples(&all).filter(|sample| **sample == Sample::Lost).count();
        assert!(lost > 1800, "{lost}");
        let probes = all.iter().flat_map(|tick| &tick.regions[0].doors[1]);
        assert_eq!(probes.filter(|probe| !probe.ok).count(), 10);
        let own = all.iter().flat_map(|tick| &tick.regions[0].own);
        assert!(own.clone().count() == 30 && own.into_iter().all(|probe| probe.ok));
    }
}
