//! Other people's labelled data, put to the product and to a fixed threshold.
//!
//! A trace has counts, not requests: each row's requests and errors are spread evenly over its time. Of a row whose
//! 95th percentile is above the bound one request in ten counts as slow, for the percentile says only that more than
//! one in twenty are. Probes are taken to be well, for a trace does not have them; detectors that live on probes, or
//! compare regions, cannot be asked.
//!
//! An event is a run of rows labelled as a fault; it is caught when the region is given up at a moment of it, or in
//! the two seconds after it. A negative is an unlabelled stretch of at most ten minutes; it is false when the region
//! is newly given up in it.

use std::path::Path;
use std::time::Duration;

use spillway_decide::{Health, Time};

use crate::course::{PATIENCE_MILLIS, TICK_MILLIS, as_float};
use crate::detect::{Detector, KINDS};
use crate::figures::{Row as Figures, Score};
use crate::stream::{EPOCH, Pending, Probe, Seen, Tick};
use crate::trial::{GRACE, Judgement};

mod trace;

pub use trace::{Row, TraceError, open, read};

/// Detectors that can live on a trace: the product and the fixed threshold.
const DETECTORS: usize = 2;
/// A negative is at most so long.
const NEGATIVE_MILLIS: u64 = 600_000;
/// Of a row that is too slow, one request in so many.
const SLOW_ONE_IN: u64 = 10;
const YEAR_MILLIS: f64 = 365.0 * 86_400_000.0;

/// From when to when, in milliseconds of the trace.
type Span = (u64, u64);

/// The figures of a file.
pub fn replay(path: &Path) -> Result<Vec<Figures>, TraceError> {
    Ok(figures(&open(path)?))
}

/// The figures of a trace, one row for each detector.
#[must_use]
pub fn figures(rows: &[Row]) -> Vec<Figures> {
    let (events, negatives) = labels(rows);
    KINDS
        .iter()
        .take(DETECTORS)
        .map(|kind| judge(&given_up(rows, &mut *(kind.make)(false)), &events, &negatives).named(kind.name))
        .collect()
}

/// A score with the false shifts and the time they were seen in.
struct Judged(Score, u64, f64);

impl Judged {
    fn named(&self, detector: &str) -> Figures {
        let Self(score, wrong, years) = self;
        score.row(detector, "trace", (*wrong, *years))
    }
}

/// Events, and what lies between them.
fn labels(trace: &[Row]) -> (Vec<Span>, Vec<Span>) {
    let (mut events, mut negatives): (Vec<Span>, Vec<Span>) = (Vec::new(), Vec::new());
    for (begin, end, row) in spans(trace) {
        let (list, longest) =
            if row.fault { (&mut events, u64::MAX) } else { (&mut negatives, NEGATIVE_MILLIS) };
        match list.last_mut() {
            Some(span) if span.1 == begin && end - span.0 <= longest => span.1 = end,
            _ => list.push((begin, end)),
        }
    }
    (events, negatives)
}

/// Rows with their times; the last one lasts as long as the one before.
fn spans(rows: &[Row]) -> impl Iterator<Item = (u64, u64, &Row)> {
    let ends = rows.iter().skip(1).map(|row| row.at);
    let last = rows.last().zip(rows.iter().rev().nth(1)).map(|(last, before)| 2 * last.at - before.at);
    rows.iter().zip(ends.chain(last)).map(|(row, end)| (row.at, end, row))
}

fn judge(given_up: &[Span], events: &[Span], negatives: &[Span]) -> Judged {
    let grace = as_millis(GRACE);
    let hold = Some(Health::default().hold());
    let mut score = Score::default();
    for (from, to) in events {
        let first = given_up.iter().find(|(begin, end)| *begin < to + grace && end > from);
        let delay = first.map(|(begin, _)| Duration::from_millis(begin.saturating_sub(*from)));
        score.add(hold, delay.map_or(Judgement::Missed, Judgement::Caught));
    }
    let excused = |at: u64| events.iter().any(|(from, to)| (*from..*to + grace).contains(&at));
    let wrong: Vec<u64> = given_up.iter().map(|(begin, _)| *begin).filter(|begin| !excused(*begin)).collect();
    for (from, to) in negatives {
        let hit = wrong.iter().any(|begin| (from..to).contains(&begin));
        score.add(None, if hit { Judgement::False } else { Judgement::Quiet });
    }
    let millis: u64 = negatives.iter().map(|(from, to)| to - from).sum();
    Judged(score, wrong.len() as u64, as_float(millis) / YEAR_MILLIS)
}

/// When a detector gave the region up, and took it back.
fn given_up(rows: &[Row], detector: &mut dyn Detector) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut feed = Feed::new(rows);
    while let Some(tick) = feed.next_tick() {
        let at = tick.now.0 - EPOCH;
        if !detector.tick(tick).moved {
            continue;
        }
        match spans.last_mut() {
            Some(last) if last.1 + TICK_MILLIS >= at => last.1 = at,
            _ => spans.push((at, at)),
        }
    }
    spans
}

/// A trace as ticks.
struct Feed<'a> {
    rows: Vec<(u64, u64, &'a Row)>,
    place: usize,
    at: u64,
    end: u64,
    pending: Pending,
    tick: Tick,
}

impl<'a> Feed<'a> {
    fn new(rows: &'a [Row]) -> Self {
        let rows: Vec<_> = spans(rows).collect();
        let end = rows.last().map_or(0, |(_, end, _)| *end) + 15_000;
        Self { rows, place: 0, at: 0, end, pending: Pending::default(), tick: Tick::default() }
    }

    fn next_tick(&mut self) -> Option<&Tick> {
        if self.at >= self.end {
            return None;
        }
        let (from, to) = (self.at, self.at + TICK_MILLIS);
        let mut arrived = Vec::new();
        while let Some((begin, end, row)) = self.rows.get(self.place) {
            send(
                row,
                (*begin, *end),
                (from.max(*begin), to.min(*end)),
                &mut self.pending,
                from,
                &mut arrived,
            );
            if *end > to {
                break;
            }
            self.place += 1;
        }
        self.at = to;
        self.tick.now = Time(EPOCH + to);
        for (region, seen) in self.tick.regions.iter_mut().enumerate() {
            well(seen, Time(EPOCH + to), region);
        }
        self.tick.regions[0].arrived = arrived;
        self.pending.turn(&mut self.tick.regions[0].samples);
        Some(&self.tick)
    }
}

/// The requests of a row whose turn comes in a part of its time.
fn send(
    row: &Row,
    (begin, end): Span,
    (from, to): Span,
    pending: &mut Pending,
    now: u64,
    arrived: &mut Vec<Time>,
) {
    let nth = |count: u64, at: u64| share(count, at - begin, end - begin);
    let bound = f64::from(Health::default().max_latency_p95_milliseconds);
    let too_slow = row.p95_millis > bound;
    let usual = millis(if too_slow { bound / 2.0 } else { row.p95_millis });
    for request in nth(row.requests, from)..nth(row.requests, to) {
        let failed = share(row.errors, request + 1, row.requests) > share(row.errors, request, row.requests);
        let slow = too_slow && request % SLOW_ONE_IN == 0;
        let start = begin + share(end - begin, request, row.requests);
        let start = start.max(from);
        arrived.push(Time(EPOCH + start));
        pending.request(now, start, if slow { millis(row.p95_millis) } else { usual }, failed);
    }
}

/// Nothing is wrong but what the trace says.
fn well(seen: &mut Seen, now: Time, region: usize) {
    let probes = if now.0.is_multiple_of(1000) { vec![Probe { sent: now, ok: true }] } else { Vec::new() };
    seen.linked = [true; 2];
    seen.doors = [probes.clone(), probes.clone()];
    // A trace shows what clients see of the first region; its own probes must not speak against that.
    seen.own = if region == 0 { Vec::new() } else { probes };
}

/// How many of `count` come in the first `part` of `whole`.
fn share(count: u64, part: u64, whole: u64) -> u64 {
    let share = u128::from(count) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most ten seconds")]
const fn millis(latency: f64) -> u64 {
    latency.min(PATIENCE_MILLIS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quarter of an hour of 100 requests a second, with errors and a 95th percentile of some seconds.
    fn trace(bad: impl Fn(u64) -> (u64, f64)) -> Vec<Row> {
        let row = |second: u64| {
            let (errors, p95_millis) = bad(second);
            Row { at: second * 1000, requests: 100, errors, p95_millis, fault: (300..345).contains(&second) }
        };
        (0..900).map(row).collect()
    }

    #[test]
    fn a_labelled_fault_is_caught_after_the_hold() {
        for fault in [(50, 40.0), (0, 3000.0)] {
            let rows = trace(|second| if (300..345).contains(&second) { fault } else { (0, 40.0) });
            let figures = figures(&rows);
            assert_eq!((figures[0].faults, figures[0].caught, figures[0].wrong), (1, 1, 0), "{figures:?}");
            assert!((30.0..=33.0).contains(&figures[0].delay_p50_s.unwrap()), "{figures:?}");
            assert_eq!(figures[0].negatives, 2);
        }
    }

    #[test]
    fn a_shift_without_a_label_is_false() {
        let rows = trace(|second| if (600..700).contains(&second) { (50, 40.0) } else { (0, 40.0) });
        let figures = figures(&rows);
        assert_eq!((figures[0].caught, figures[0].wrong), (0, 1), "{figures:?}");
        assert!(figures[0].false_per_region_year > 0.0);
    }

    #[test]
    fn rows_are_spread_evenly() {
        let rows: Vec<Row> = trace(|_| (10, 40.0)).into_iter().step_by(30).collect();
        let rows: Vec<Row> = rows.into_iter().map(|row| Row { requests: 3000, errors: 300, ..row }).collect();
        let mut feed = Feed::new(&rows);
        let (mut least, mut most, mut ticks) = (usize::MAX, 0, 0);
        while let Some(tick) = feed.next_tick() {
            ticks += 1;
            if ticks < 8000 {
                least = least.min(tick.regions[0].arrived.len());
                most = most.max(tick.regions[0].arrived.len());
            }
        }
        assert_eq!((least, most), (10, 10));
    }
}
