//! How many requests a backend takes at a time, measured.
//!
//! While a backend is not full, more requests in flight mean more answers a second. Once it is, they only wait
//! longer. So the limit watches the median latency of short windows: as long as it is near the lowest that was
//! measured, the limit is out of the way (and grows when it is used); when it is more than twice that, the limit
//! becomes what was in flight, scaled down by as much. That is the gradient of TCP Vegas and of the adaptive
//! limits that followed it. A median is compared with a median, never with the fastest answer of all: work that
//! differs by nature must not look like a queue.
//!
//! Slow answers alone are no queue. Only where, beside that, more requests begin than end, twice in a row, are they
//! waiting for each other: a fault that makes every answer slow has the first and not, for long, the second.
//! Such a fault is the verdict's to judge, and nothing here may move traffic before it. ([`Limit::be_eager`] is for
//! those who want slow answers alone to count.)
//!
//! A limit is what a queue has shown, and load and backends change: where no queue was seen for some minutes and
//! the limit is not used, it is forgotten. What was full once with ten requests in flight, for a pause of its own,
//! must not keep a neighbour's thousands out.
//!
//! A backend that has become slower for another reason looks full, too. So after a minute of that the lowest
//! latency is measured anew: by halving what is let in for a moment, or, where nothing was held back and the
//! wait does not grow, by believing what is seen.

use std::time::Duration;

use crate::time::Time;

/// A window closes when it is this old and has this many answers.
const WINDOW: Duration = Duration::from_millis(500);
const ANSWERS: usize = 50;
/// With fewer answers it waits so long, and is thrown away if there were hardly any.
const LONG_WINDOW: Duration = Duration::from_secs(5);
const FEW_ANSWERS: usize = 10;
/// Latencies that are kept of a window.
const KEPT: usize = 256;
/// A median this many times the lowest is a queue; and so much above it, since clocks and schedulers are coarse.
pub const TOLERANCE: f64 = 2.0;
const SLACK_MILLIS: f64 = 2.0;
/// The most that one window takes off.
const STEEPEST: f64 = 0.5;
/// The least limit.
const LEAST: f64 = 4.0;
/// A lower median takes the lowest this part of the way down.
const DESCENT: f64 = 0.25;
/// A queue grows by so many requests, or by this part of those that ended, in so many windows in a row.
const GROWS_BY: f64 = 3.0;
const GROWS_BY_PART: f64 = 0.01;
const GROWS_FOR: u32 = 2;
/// A queue that stands so long is measured anew.
const DOUBT_AFTER: Duration = Duration::from_mins(1);
/// A limit that is not used is forgotten so long after the last queue.
const FORGET_AFTER: Duration = Duration::from_mins(3);
/// What spilled requests leave free for our own arrivals.
pub const RESERVE: f64 = 0.1;

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It arrived in this region.
    Own,
    /// Another region sent it.
    Spilled,
}

/// The limit of one backend, as one gateway measures it.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// None while the backend was not found full lately.
    most: Option<f64>,
    /// When a queue was last seen.
    full: Time,
    /// The lowest median, in milliseconds.
    lowest: Option<f64>,
    /// Median and answers a second of the last window.
    last: Option<Flow>,
    queue: Option<Queue>,
    /// Windows in a row that were slow and in which more began than ended.
    growing: u32,
    eager: bool,
    window: Window,
}

/// What a window showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// When the window ended.
    pub at: Time,
    /// Median latency in milliseconds.
    pub median_millis: f64,
    /// Answers a second to requests that arrived here.
    pub own_rate: f64,
    /// Answers a second to requests that were spilled here.
    pub spilled_rate: f64,
    /// The most that were in flight at a time.
    pub peak: f64,
}

impl Flow {
    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.own_rate + self.spilled_rate
    }
}

/// A queue that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Queue {
    since: Time,
    /// The median when it began.
    median: f64,
    /// Something was refused meanwhile.
    held_back: bool,
    trial: Option<Trial>,
}

/// Less is let in while the lowest latency is measured anew.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trial {
    began: Time,
    at_most: f64,
    /// The limit until then.
    before: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Window {
    began: Time,
    millis: Vec<f64>,
    peak: usize,
    begun: u32,
    own: u32,
    spilled: u32,
}

impl Window {
    fn new(began: Time) -> Self {
        Self { began, millis: Vec::new(), peak: 0, begun: 0, own: 0, spilled: 0 }
    }

    /// Whether more requests began than ended.
    fn grew(&self) -> bool {
        let ended = f64::from(self.own) + f64::from(self.spilled);
        f64::from(self.begun) - ended > (ended * GROWS_BY_PART).max(GROWS_BY)
    }
}

impl Limit {
    /// Nothing is known yet, and everything is let in.
    #[must_use]
    pub fn new(now: Time) -> Self {
        Self {
            most: None,
            full: now,
            lowest: None,
            last: None,
            queue: None,
            growing: 0,
            eager: false,
            window: Window::new(now),
        }
    }

    /// Whether one more is let in while `own` of our arrivals and `all` requests are in flight.
    ///
    /// Our own are let in as if nobody spilled here, so that helping never costs us a request of our own; what
    /// is spilled gets what is left of the limit, less a reserve.
    pub fn admits(&mut self, class: Class, own: usize, all: usize) -> bool {
        let Some(limit) = self.ceiling() else { return true };
        let admitted = match class {
            Class::Own => as_f64(own) < limit,
            Class::Spilled => as_f64(all) < limit * (1.0 - RESERVE),
        };
        if !admitted && let Some(queue) = &mut self.queue {
            queue.held_back = true;
        }
        admitted
    }

    /// From now on slow answers alone are a queue: our own arrivals are to be held back rather than wait. Clients
    /// that each wait for their answer make a queue that is long and does not grow.
    pub const fn be_eager(&mut self) {
        self.eager = true;
    }

    /// A request was let in; `all` are in flight now.
    pub fn began(&mut self, all: usize) {
        self.window.peak = self.window.peak.max(all);
        self.window.begun += 1;
    }

    /// A request has its answer's head after `latency`; none: it failed, which says nothing about a queue.
    pub fn finished(&mut self, now: Time, class: Class, latency: Option<Duration>) {
        match class {
            Class::Own => self.window.own += 1,
            Class::Spilled => self.window.spilled += 1,
        }
        if let Some(latency) = latency.filter(|_| self.window.millis.len() < KEPT) {
            self.window.millis.push(latency.as_secs_f64() * 1000.0);
        }
        let (age, answers) = (now.since(self.window.began), self.window.millis.len());
        if (age >= WINDOW && answers >= ANSWERS) || age >= LONG_WINDOW {
            self.close(now, age);
        }
    }

    /// The limit; none while the backend was not found full lately.
    #[must_use]
    pub const fn limit(&self) -> Option<f64> {
        self.most
    }

    /// The lowest median, in milliseconds.
    #[must_use]
    pub const fn lowest_millis(&self) -> Option<f64> {
        self.lowest
    }

    /// What the last window showed.
    #[must_use]
    pub const fn flow(&self) -> Option<Flow> {
        self.last
    }

    /// The backend has another number of endpoints: so many times as many.
    pub fn scale(&mut self, times: f64) {
        self.most = self.most.map(|limit| (limit * times).max(LEAST));
    }

    fn ceiling(&self) -> Option<f64> {
        self.trial().map(|trial| trial.at_most).or(self.most)
    }

    fn close(&mut self, now: Time, age: Duration) {
        let mut window = std::mem::replace(&mut self.window, Window::new(now));
        window.peak = window.peak.max(1);
        // What came before a silence says nothing, either.
        if window.millis.len() < FEW_ANSWERS || age >= LONG_WINDOW * 2 {
            (self.last, self.queue, self.growing) = (None, None, 0);
            return self.forget(now, 0.0);
        }
        self.forget(now, as_f64(window.peak));
        let middle = window.millis.len() / 2;
        let (_, median, _) = window.millis.select_nth_unstable_by(middle, f64::total_cmp);
        let a_second = |count: u32| f64::from(count) / age.as_secs_f64();
        let flow = Flow {
            at: now,
            median_millis: *median,
            own_rate: a_second(window.own),
            spilled_rate: a_second(window.spilled),
            peak: as_f64(window.peak),
        };
        self.last = Some(flow);
        self.learn(now, flow, window.grew());
    }

    fn learn(&mut self, now: Time, flow: Flow, grew: bool) {
        let median = flow.median_millis;
        let lowest = self.lowest.get_or_insert(median);
        *lowest -= (*lowest - median).max(0.0) * DESCENT;
        let bound = (*lowest * TOLERANCE).max(*lowest + SLACK_MILLIS);
        if median <= bound {
            self.most = self.trial().map(|trial| trial.before).or(self.most);
            (self.queue, self.growing) = (None, 0);
            self.grow(flow.peak);
            return;
        }
        self.growing = if grew { self.growing + 1 } else { 0 };
        if self.queue.is_none() && self.growing < GROWS_FOR && !self.eager {
            return;
        }
        let begun = Queue { since: now, median, held_back: false, trial: None };
        let queue = *self.queue.get_or_insert(begun);
        self.full = now;
        if now.since(queue.since) >= DOUBT_AFTER {
            return self.doubt(now, flow);
        }
        let gradient = (bound / median).clamp(STEEPEST, 1.0);
        let from = self.most.map_or(flow.peak, |limit| limit.min(flow.peak));
        self.most = Some((from * gradient + flow.peak.sqrt()).max(LEAST));
    }

    /// A limit that is used grows by its root; one that is not has shown nothing.
    fn grow(&mut self, peak: f64) {
        if let Some(limit) = self.most.as_mut().filter(|limit| is_used(**limit, peak)) {
            *limit += limit.sqrt();
        }
    }

    /// What a queue has shown long ago, at another load, says nothing about now.
    fn forget(&mut self, now: Time, peak: f64) {
        if now.since(self.full) >= FORGET_AFTER && self.queue.is_none() {
            self.most = self.most.filter(|limit| is_used(*limit, peak));
        }
    }

    fn trial(&self) -> Option<Trial> {
        self.queue.and_then(|queue| queue.trial)
    }

    /// The queue stands for long: is it one?
    fn doubt(&mut self, now: Time, flow: Flow) {
        let Some(queue) = &mut self.queue else { return };
        let median = flow.median_millis;
        let steady = median <= queue.median * 1.25;
        match (queue.trial, self.most) {
            // What was let in before the trial is still coming out.
            (Some(trial), _) if now.since(trial.began).as_secs_f64() * 1000.0 < 2.0 * median => {}
            // With half of it in flight they wait as long: it is not for each other that they wait.
            (Some(trial), _) if flow.peak <= trial.at_most + 1.0 => {
                self.lowest = Some(median);
                (self.most, self.queue) = (Some(trial.before), None);
            }
            // Our own arrivals are let in anyhow, and nothing was learned.
            (Some(trial), _) => (self.most, self.queue) = (Some(trial.before), None),
            // Everybody was let in, and the wait has not grown: that is how slow it is.
            (None, _) if !queue.held_back && steady => {
                self.lowest = Some(median);
                self.queue = None;
            }
            (None, Some(limit)) => {
                let at_most = (flow.peak.min(limit) / 2.0).max(LEAST / 2.0);
                queue.trial = Some(Trial { began: now, at_most, before: limit });
            }
            (None, None) => queue.since = now,
        }
    }
}

/// Half of it was in flight.
fn is_used(limit: f64, peak: f64) -> bool {
    peak * 2.0 >= limit
}

#[expect(clippy::cast_precision_loss, reason = "requests in flight, far below 2^52")]
const fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
