//! One criterion over time: how much of the window is bad, and from when to when the evidence runs.
//!
//! A window says *that* something is wrong; it is a poor clock for *how long*, for it goes out of bounds late
//! and remembers for its whole length. So each run of a window out of bounds is dated on its samples: with
//! `S` the sum of `bad - reference * total` over the buckets (a CUSUM), the evidence begins where `S` was
//! lowest before the window went out, and last held where `S` is highest. The reference lies between the
//! background and the fault (a third of the worst window), so that stray bad samples before and after do not
//! stretch a run.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::{Time, millis};

/// The grain of a region's windows.
pub(crate) const FINE: Duration = Duration::from_millis(100);
/// The grain of a route's windows, of which there are thousands. 29 s and 31 s are still told apart.
pub(crate) const COARSE: Duration = Duration::from_millis(250);

/// What a criterion allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// The part of samples that may be bad.
    pub(crate) fraction: f64,
    /// Samples below which the window says nothing.
    pub(crate) min_total: u32,
    /// Bad samples below which the window says nothing.
    pub(crate) min_bad: u32,
}

/// What a window shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Samples in the window.
    pub(crate) total: u32,
    /// Bad ones among them.
    pub(crate) bad: u32,
    /// Where the evidence runs, if the window is out of bounds.
    pub(crate) span: Option<Span>,
}

impl Reading {
    /// The bad part of the window; nothing is bad in an empty one.
    pub(crate) fn fraction(&self) -> f64 {
        fraction(self.total, self.bad)
    }
}

/// From the first to the latest bad evidence of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it began.
    pub(crate) onset: Time,
    /// How far it reaches so far.
    pub(crate) latest: Time,
}

impl Span {
    /// The smallest span that holds both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { onset: self.onset.min(other.onset), latest: self.latest.max(other.latest) }
    }

    /// How long the evidence holds.
    pub(crate) fn held(self) -> Duration {
        self.latest.since(self.onset)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    total: u32,
    bad: u32,
    /// The window's bad part when this slot was the newest.
    window: f64,
}

/// A run of the window out of bounds, in bucket numbers.
#[derive(Clone, Copy, Debug)]
struct Run {
    first_out: u64,
    onset: u64,
    /// One past the bucket of the latest evidence.
    latest: u64,
}

/// Counts of one criterion: two windows of buckets, whatever the traffic, and those that are not ripe yet.
/// Before its first sample it holds no bucket at all.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// Milliseconds of a bucket.
    grain: u64,
    width: usize,
    /// How many buckets are kept at most, but for the unripe.
    kept: usize,
    /// How many of the newest buckets are not read yet.
    unripe: usize,
    slots: VecDeque<Slot>,
    /// Number of the newest bucket.
    newest: u64,
    run: Option<Run>,
}

impl Track {
    pub(crate) fn new(now: Time, window: Duration, grain: Duration) -> Self {
        let grain = millis(grain).max(1);
        let width = usize::try_from(millis(window) / grain).unwrap_or(1).clamp(1, 36_000);
        let slots = VecDeque::new();
        Self { grain, width, kept: 2 * width, unripe: 0, slots, newest: now.0 / grain, run: None }
    }

    /// Keeps no more than a window: enough to count, not to date.
    pub(crate) fn only_counts(self) -> Self {
        Self { kept: self.width, ..self }
    }

    /// Reads only what is older than `delay`: where bad samples are known so much later than good ones, the
    /// newest samples look better than they are.
    pub(crate) fn ripe_after(&mut self, delay: Duration) {
        let buckets = usize::try_from(millis(delay) / self.grain).unwrap_or(usize::MAX);
        self.unripe = buckets.min(self.width);
    }

    /// Adds samples. What is older than two windows is forgotten already.
    pub(crate) fn add(&mut self, at: Time, total: u32, bad: u32) {
        self.advance(at);
        if self.slots.is_empty() && total > 0 {
            self.slots.reserve_exact(self.kept + self.unripe);
            // What comes late into an empty track still has its place, unless that is before all time.
            let past = usize::try_from(self.newest + 1).unwrap_or(usize::MAX);
            self.slots.resize(past.min(self.kept + self.unripe), Slot::default());
        }
        let back = usize::try_from(self.newest - self.number(at)).unwrap_or(usize::MAX);
        if let Some(slot) =
            self.slots.len().checked_sub(back.saturating_add(1)).and_then(|at| self.slots.get_mut(at))
        {
            slot.total = slot.total.saturating_add(total);
            slot.bad = slot.bad.saturating_add(bad);
        }
    }

    /// Samples and bad samples of the window that ends now.
    pub(crate) fn window(&mut self, now: Time) -> (u32, u32) {
        self.advance(now);
        let slots = self.slots.iter().rev().skip(self.unripe).take(self.width);
        slots.fold((0, 0), |(total, bad), slot| {
            (total.saturating_add(slot.total), bad.saturating_add(slot.bad))
        })
    }

    /// Reads the window and dates its evidence. To be called about once a bucket.
    pub(crate) fn read(&mut self, now: Time, bound: Bound) -> Reading {
        let (total, bad) = self.window(now);
        let part = fraction(total, bad);
        if let Some(slot) = self.slots.iter_mut().rev().nth(self.unripe) {
            slot.window = part;
        }
        let out = total >= bound.min_total.max(1) && bad >= bound.min_bad && part > bound.fraction;
        self.run = if out { self.follow(bound, bad) } else { None };
        Reading { total, bad, span: self.run.map(|run| run.span(self.grain)) }
    }

    /// The run so far, begun if need be. While the onset is not older than a window its estimate still
    /// improves, for the fault shows itself only bit by bit.
    fn follow(&self, bound: Bound, bad: u32) -> Option<Run> {
        let mut run = match self.run {
            Some(run) => run,
            None => self.begin(bound, bad)?,
        };
        let reference = self.reference(run.onset, bound);
        if self.ripe().saturating_sub(run.first_out) <= self.width as u64 {
            run.onset = self.onset(run.first_out, reference);
        }
        run.latest = self.latest(&run, reference);
        Some(run)
    }

    /// A new run; none when the window is out of bounds mostly by what it remembers of an ended one, which a
    /// stray sample may tip over the bound again.
    fn begin(&self, bound: Bound, bad: u32) -> Option<Run> {
        let first_out = self.ripe();
        let onset = self.onset(first_out, self.reference(first_out, bound));
        (self.count(onset).1 >= bad.div_ceil(2)).then_some(Run { first_out, onset, latest: onset })
    }

    /// Between the background and the fault: a third of the worst of the last window, or of the run so far.
    fn reference(&self, onset: u64, bound: Bound) -> f64 {
        let windows = self.slots.iter().rev().skip(self.unripe).take(self.width).map(|slot| slot.window);
        let worst = windows.fold(0.0, f64::max);
        let (total, bad) = self.count(onset);
        bound.fraction.max(worst.max(fraction(total, bad)) / 3.0)
    }

    /// Samples and bad samples from a bucket on.
    fn count(&self, number: u64) -> (u32, u32) {
        let slots = self.from(number).map(|(_, slot)| slot);
        slots.fold((0, 0), |(total, bad), slot| {
            (total.saturating_add(slot.total), bad.saturating_add(slot.bad))
        })
    }

    /// Where `S` was lowest in the window before the run. Not further back: that window was within bounds.
    fn onset(&self, first_out: u64, reference: f64) -> u64 {
        let begin = (first_out + 1).saturating_sub(self.width as u64);
        let (mut sum, mut lowest, mut onset) = (0.0, 0.0, begin.max(self.oldest()));
        for (number, slot) in self.from(begin).take_while(|(number, _)| *number < first_out) {
            sum += f64::from(slot.bad) - reference * f64::from(slot.total);
            if sum <= lowest {
                (lowest, onset) = (sum, number + 1);
            }
        }
        onset
    }

    /// Where `S` is highest since the run began.
    fn latest(&self, run: &Run, reference: f64) -> u64 {
        let (mut sum, mut highest, mut latest) = (0.0, 0.0, run.onset);
        for (number, slot) in self.from(run.onset) {
            sum += f64::from(slot.bad) - reference * f64::from(slot.total);
            if sum > highest {
                (highest, latest) = (sum, number + 1);
            }
        }
        latest.max(run.latest)
    }

    fn oldest(&self) -> u64 {
        (self.newest + 1).saturating_sub(self.slots.len() as u64)
    }

    /// The newest bucket that is read.
    const fn ripe(&self) -> u64 {
        self.newest.saturating_sub(self.unripe as u64)
    }

    /// The slots from a bucket on that are ripe, with their numbers.
    fn from(&self, number: u64) -> impl Iterator<Item = (u64, &Slot)> {
        let oldest = self.oldest();
        let skip = usize::try_from(number.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let ripe = self.slots.len().saturating_sub(self.unripe);
        (oldest..).zip(self.slots.iter().take(ripe)).skip(skip)
    }

    const fn number(&self, at: Time) -> u64 {
        at.0 / self.grain
    }

    fn advance(&mut self, now: Time) {
        let target = self.number(now);
        let capacity = self.kept + self.unripe;
        if self.slots.is_empty() || target.saturating_sub(self.newest) > capacity as u64 {
            self.slots = VecDeque::new();
            self.newest = self.newest.max(target);
        }
        while self.newest < target {
            if self.slots.len() >= capacity {
                self.slots.pop_front();
            }
            self.slots.push_back(Slot::default());
            self.newest += 1;
        }
    }
}

impl Run {
    /// What is certain: from the end of the first bucket to the beginning of the last one, so that a hold is
    /// never called too early.
    const fn span(&self, grain: u64) -> Span {
        Span { onset: Time((self.onset + 1) * grain), latest: Time(self.latest.saturating_sub(1) * grain) }
    }
}

fn fraction(total: u32, bad: u32) -> f64 {
    if total == 0 { 0.0 } else { f64::from(bad) / f64::from(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { fraction: 0.05, min_total: 20, min_bad: 1 };

    fn run(track: &mut Track, from: u64, to: u64, bad: u32) -> Option<Span> {
        let mut span = None;
        for tick in from..to {
            track.add(Time(tick * 100), 10, bad);
            span = track.read(Time(tick * 100 + 99), BOUND).span;
        }
        span
    }

    #[test]
    fn dates_a_run_on_its_samples() {
        let mut track = Track::new(Time(0), Duration::from_secs(10), FINE);
        assert_eq!(run(&mut track, 0, 300, 0), None);
        let span = run(&mut track, 300, 500, 10).unwrap();
        assert_eq!(span, Span { onset: Time(30_100), latest: Time(49_900) });
        let remembered = run(&mut track, 500, 560, 0).unwrap();
        assert_eq!(remembered, span, "memory of the window is no evidence");
        assert_eq!(run(&mut track, 560, 620, 0), None);
    }

    #[test]
    fn an_earlier_run_does_not_lend_its_onset() {
        let mut track = Track::new(Time(0), Duration::from_secs(10), FINE);
        run(&mut track, 0, 50, 10);
        assert_eq!(run(&mut track, 50, 150, 0), None);
        let span = run(&mut track, 150, 200, 3).unwrap();
        assert_eq!(span.onset, Time(15_100));
    }

    #[test]
    fn a_milder_stretch_of_the_same_run_is_evidence_in_the_end() {
        let mut track = Track::new(Time(0), Duration::from_secs(10), FINE);
        run(&mut track, 0, 100, 0);
        run(&mut track, 100, 200, 10);
        let span = run(&mut track, 200, 420, 2).unwrap();
        assert_eq!(span, Span { onset: Time(10_100), latest: Time(41_900) });
    }

    #[test]
    fn stray_samples_around_a_run_do_not_stretch_it() {
        let mut track = Track::new(Time(0), Duration::from_secs(10), FINE);
        run(&mut track, 0, 300, 0);
        run(&mut track, 300, 301, 3);
        run(&mut track, 301, 305, 0);
        run(&mut track, 305, 595, 3);
        run(&mut track, 595, 599, 0);
        run(&mut track, 599, 600, 3);
        let span = run(&mut track, 600, 640, 0).unwrap();
        assert_eq!(span, Span { onset: Time(30_600), latest: Time(59_400) });
    }

    #[test]
    fn what_is_not_ripe_is_not_read() {
        let mut track = Track::new(Time(0), Duration::from_secs(10), FINE);
        track.ripe_after(Duration::from_millis(500));
        run(&mut track, 0, 200, 0);
        track.add(Time(20_000), 1000, 1000);
        assert_eq!(track.read(Time(20_400), BOUND).bad, 0);
        assert_eq!(track.read(Time(20_500), BOUND).bad, 1000);
    }

    #[test]
    fn a_gap_forgets_everything() {
        let mut track = Track::new(Time(0), Duration::from_secs(10), FINE);
        run(&mut track, 0, 50, 10);
        assert_eq!(track.window(Time(1_000_000)), (0, 0));
        track.add(Time(1_000), 1, 1);
        assert_eq!(track.window(Time(1_000_000)), (0, 0), "far too late a sample");
    }
}
