//! What a fault is, and what is none: read off a trial's course, before any detector runs.
//!
//! The promise is the declared one: over any 10 s at most 5 % of requests fail and at most 5 % take longer than
//! 1500 ms (so the 95th percentile is at most that), and the front door can be reached.
//!
//! 1. A **broken stretch** begins and ends with a moment at which the true probability is above the bound, and
//!    in every 10 s that lie within it the mean over arrivals is above the bound.
//! 2. A region has a **fault** when a broken stretch, of errors or of slowness, lasts longer than the hold
//!    (30 s); or when neither of the two other regions can reach its front door, without a break, for longer
//!    than the unreachable hold (5 s).
//! 3. What **every region** of the federation has at the same time is no fault of one of them: there is nowhere
//!    better to go.
//! 4. Everything else is **noise**, however near it comes.
//!
//! Some trials cannot be told by anybody, for the counts do not tell: a bound of 5 % and a truth of 5.5 % at 20
//! requests a second. Each trial keeps its class, and is also marked [`Truth::plain`] or not.

use std::time::Duration;

use spillway_decide::Health;

use crate::bank::Scene;
use crate::course::{Course, Moment, TICK_MILLIS, as_float};

/// The part of requests that may take longer than the latency bound: P95.
const SLOW_PART: f64 = 0.05;
/// From so many standard deviations of a count on, a difference is plain.
const PLAIN_DEVIATIONS: f64 = 3.0;

/// What was promised: the product's defaults, which are the figures.
#[derive(Clone, Debug, Default)]
pub struct Promise(pub Health);

/// What a trial truly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A fault that begins and ends at these milliseconds, and is one after `hold`.
    Fault {
        /// Where the broken stretch begins.
        onset: u64,
        /// Where it ends.
        end: u64,
        /// What it outlasted.
        hold: Duration,
    },
    /// No fault.
    Noise,
}

/// A trial's class, and how clear it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The class.
    pub class: Class,
    /// The counts can tell: in 10 s, and in the seconds by which the stretch is longer or shorter than the
    /// hold, what is expected lies at least three standard deviations from what the bound allows.
    pub plain: bool,
}

/// A stretch in ticks, with how far from the bound it is, in standard deviations of a count.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: usize,
    to: usize,
    /// Of its 10 s, the mean of them.
    level: f64,
    /// Of the seconds by which it differs from the hold.
    edge: f64,
}

/// What one criterion makes of a course.
struct Finding {
    fault: Option<Stretch>,
    plain: bool,
}

/// Classes a scene's first region.
#[must_use]
pub fn truth(scene: &Scene, promise: &Promise) -> Truth {
    let own = of_course(&scene.regions[0], scene.millis, promise);
    let others = scene.regions[1..].iter().map(|course| of_course(course, scene.millis, promise));
    let everywhere = others.filter(|other| overlap(own.class, other.class)).count() == 2;
    if everywhere { Truth { class: Class::Noise, plain: true } } else { own }
}

fn overlap(one: Class, other: Class) -> bool {
    match (one, other) {
        (Class::Fault { onset: a, end: b, .. }, Class::Fault { onset: c, end: d, .. }) => a < d && c < b,
        _ => false,
    }
}

/// Classes one region by itself.
#[must_use]
pub fn of_course(course: &Course, millis: u64, promise: &Promise) -> Truth {
    if course.spells.is_empty() && course.load.swing == 0.0 {
        return Truth { class: Class::Noise, plain: true };
    }
    let moments: Vec<Moment> =
        (0..millis / TICK_MILLIS).map(|tick| course.at(tick * TICK_MILLIS + TICK_MILLIS / 2)).collect();
    let Promise(health) = promise;
    let latency = f64::from(health.max_latency_p95_milliseconds);
    let errors: Vec<(f64, f64)> = moments.iter().map(|moment| (moment.rate, moment.failing())).collect();
    let slow: Vec<(f64, f64)> = moments.iter().map(|moment| (moment.rate, moment.above(latency))).collect();
    let findings = [
        (criterion(&errors, health.max_error_percent / 100.0, health), health.hold()),
        (criterion(&slow, SLOW_PART, health), health.hold()),
        (door(&moments, health), health.unreachable_hold()),
    ];
    let faults =
        || findings.iter().filter_map(|(finding, hold)| Some((finding.fault?, *hold, finding.plain)));
    // The criterion that is decided first speaks for the onset.
    match faults().min_by_key(|(stretch, hold, _)| ticks(*hold) + stretch.from) {
        None => Truth { class: Class::Noise, plain: findings.iter().all(|(finding, _)| finding.plain) },
        Some((stretch, hold, _)) => Truth {
            class: Class::Fault { onset: time(stretch.from), end: time(stretch.to), hold },
            plain: faults().any(|(_, _, plain)| plain),
        },
    }
}

/// One criterion: (requests a second, the part of them that is bad) for each tick.
fn criterion(ticks_of: &[(f64, f64)], bound: f64, health: &Health) -> Finding {
    let (window, hold) = (ticks(health.window()), ticks(health.hold()));
    let sums = sums(ticks_of, bound);
    let stretches: Vec<Stretch> = stretches(ticks_of, &sums, bound, window)
        .into_iter()
        .map(|(from, to)| measure(&sums, (from, to), (window, hold), bound))
        .collect();
    let fault = stretches.iter().find(|stretch| stretch.to - stretch.from > hold).copied();
    let clear = |stretch: &Stretch| stretch.level.min(stretch.edge) >= PLAIN_DEVIATIONS;
    let plain = if let Some(stretch) = &fault {
        clear(stretch)
    } else {
        let highest = (0..sums.len().saturating_sub(window))
            .map(|from| deviations(&sums, from, from + window, bound))
            .fold(f64::NEG_INFINITY, f64::max);
        highest <= -PLAIN_DEVIATIONS || (!stretches.is_empty() && stretches.iter().all(clear))
    };
    Finding { fault, plain }
}

/// Running sums of expected requests and of what is expected beyond the bound.
fn sums(ticks_of: &[(f64, f64)], bound: f64) -> Vec<(f64, f64)> {
    let seconds = as_float(TICK_MILLIS) / 1000.0;
    let mut sums = vec![(0.0, 0.0)];
    let (mut requests, mut excess) = (0.0, 0.0);
    for (rate, part) in ticks_of {
        requests += rate * seconds;
        excess += rate * seconds * (part - bound);
        sums.push((requests, excess));
    }
    sums
}

/// What is expected beyond the bound, in standard deviations of a count at the bound.
fn deviations(sums: &[(f64, f64)], from: usize, to: usize, bound: f64) -> f64 {
    let (requests, excess) = (sums[to].0 - sums[from].0, sums[to].1 - sums[from].1);
    if requests > 0.0 { excess / (requests * bound * (1.0 - bound)).sqrt() } else { 0.0 }
}

/// Definition 1: all broken stretches.
fn stretches(ticks_of: &[(f64, f64)], sums: &[(f64, f64)], bound: f64, window: usize) -> Vec<(usize, usize)> {
    let broken = |from: usize| sums[from + window].1 - sums[from].1 > 1e-9;
    let bad = |tick: &usize| ticks_of[*tick].1 > bound;
    let last = (ticks_of.len() + 1).saturating_sub(window);
    let mut found = Vec::new();
    let mut from = 0;
    while from < last {
        if !broken(from) {
            from += 1;
            continue;
        }
        let until = (from..last).find(|at| !broken(*at)).unwrap_or(last);
        let range = from..(until - 1 + window);
        if let (Some(begin), Some(end)) = (range.clone().find(bad), range.rev().find(bad)) {
            found.push((begin, end + 1));
        }
        from = until;
    }
    found
}

fn measure(
    sums: &[(f64, f64)],
    (from, to): (usize, usize),
    (window, hold): (usize, usize),
    bound: f64,
) -> Stretch {
    let length = to - from;
    let level = deviations(sums, from, to, bound) * (as_count(window) / as_count(length)).sqrt();
    // Half of the difference at either end; no more than a window helps to see an edge.
    let apart = length.abs_diff(hold).min(window).min(length);
    let (head, tail) = (apart.div_ceil(2), apart / 2);
    let both = [(from, from + head), (to - tail, to)];
    let requests: f64 = both.iter().map(|(from, to)| sums[*to].0 - sums[*from].0).sum();
    let excess: f64 = both.iter().map(|(from, to)| sums[*to].1 - sums[*from].1).sum();
    let edge = if requests > 0.0 { excess / (requests * bound * (1.0 - bound)).sqrt() } else { 0.0 };
    Stretch { from, to, level, edge }
}

/// The front door: probes come each second, so a second's difference from the hold is plain.
fn door(moments: &[Moment], health: &Health) -> Finding {
    let hold = ticks(health.unreachable_hold());
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (tick, _) in moments.iter().enumerate().filter(|(_, moment)| moment.cut_off()) {
        match runs.last_mut() {
            Some((_, to)) if *to == tick => *to = tick + 1,
            _ => runs.push((tick, tick + 1)),
        }
    }
    let plain = |(from, to): &(usize, usize)| (to - from).abs_diff(hold) >= ticks(Duration::from_secs(1));
    let fault = runs.iter().find(|(from, to)| to - from > hold);
    Finding {
        fault: fault.map(|(from, to)| Stretch { from: *from, to: *to, level: 0.0, edge: 0.0 }),
        plain: fault.map_or_else(|| runs.iter().all(plain), plain),
    }
}

fn ticks(duration: Duration) -> usize {
    usize::try_from(duration.as_millis() / u128::from(TICK_MILLIS)).unwrap_or(usize::MAX)
}

const fn time(tick: usize) -> u64 {
    tick as u64 * TICK_MILLIS
}

#[expect(clippy::cast_precision_loss, reason = "a trial's ticks are far below 2^53")]
const fn as_count(ticks: usize) -> f64 {
    ticks as f64
}

#[cfg(test)]
#[path = "truth_tests.rs"]
mod tests;
