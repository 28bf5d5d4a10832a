//! Self evidence: what a region's gateway sees of the requests that it serves and of its own probes.

use std::fmt;
use std::time::Duration;

use crate::census::Census;
use crate::forwarded::{Forwarded, ForwardedSli, are_to_blame};
use crate::priority::Health;
use crate::sli::{Latencies, Sli};
use crate::time::Time;
use crate::track::{Bound, COARSE, FINE, Reading, Span, Track};

/// The part of requests that may pass the latency bound: P95.
pub(crate) const SLOW_FRACTION: f64 = 0.05;
/// One lost probe is no news.
const MIN_BAD_PROBES: u32 = 2;
/// From so many requests to a probe on, requests tell how a region is.
const REQUESTS_TO_A_PROBE: u32 = 3;
/// Where a route has at least so many requests and bad ones among them, it is known whose trouble they are.
const FEW: u32 = 3;
const MIN_BAD_OF_ROUTE: u32 = 3;
/// What probes must pass to be heard beside them.
const MOST_PROBES: f64 = 0.5;

/// Rolling windows of requests and probes in this region: of all of a priority's, or of one route's.
///
/// All evidence is dated by the start of the request, whenever it becomes known: so errors and slowness of one
/// fault begin and end together, and the good answers that a hang holds back do not make stray bad ones weigh
/// more.
#[derive(Clone)]
pub struct Evidence {
    health: Health,
    grain: Duration,
    started: Time,
    errors: Track,
    /// A quick answer is known at once and a slow one after the bound, so it is read that much later.
    slow: Track,
    probes: Track,
    /// Requests that were answered without failure, however late.
    answered: Track,
    /// Requests of our own arrivals.
    local: Track,
    /// What other regions forwarded; none before they do.
    forwarded: Option<Box<Forwarded>>,
    latencies: Latencies,
    /// Until when a few routes explained what was wrong.
    acquitted: Option<Time>,
    /// Bad requests below which the window says nothing.
    min_bad: u32,
    /// Latencies are only kept while this is set: of thousands of routes they would fill the memory.
    sketching: bool,
    run: Option<Span>,
    /// The part of the run that criteria told which are back within bounds.
    ended: Option<Span>,
    last: [Option<Span>; 3],
    quiet_since: Time,
}

/// What the evidence says now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// A whole window has been watched; before, nobody knows.
    pub opinion: bool,
    /// Which bound is broken, in words with figures.
    pub breach: Option<Breach>,
    /// How long the bad evidence of this run holds, from its first to its latest sample.
    pub held: Duration,
    /// When the latest bad evidence was seen; the beginning of the watch if there was none.
    pub quiet_since: Time,
    /// What is wrong is wrong with requests that other regions forward: our own arrivals, which are enough to tell,
    /// are within bounds, and so are probes. Then it is the way here, or who is at its other end, and not the backends.
    pub forwarded_only: bool,
    /// Nothing in the window was answered at all.
    pub outage: bool,
    /// Requests a second of our own arrivals that we serve.
    pub local_rate: f64,
    /// What the windows of requests hold.
    pub counts: Counts,
    /// The figures.
    pub sli: Sli,
}

/// Requests in the window, by criterion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many failed.
    pub errors: Count,
    /// How many passed the latency bound, among those that had the time to.
    pub slow: Count,
}

/// Samples, and the bad ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub total: u64,
    /// The bad ones.
    pub bad: u64,
}

impl Count {
    /// Whether more than `fraction` of at least `min_total` are bad.
    #[must_use]
    pub fn is_out(self, fraction: f64, min_total: u32) -> bool {
        self.total >= u64::from(min_total.max(1)) && self.fraction() > fraction
    }

    /// The bad part; nothing is bad among none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "samples of a window, far below 2^52")]
    pub fn fraction(self) -> f64 {
        self.bad as f64 / self.total.max(1) as f64
    }
}

impl From<Reading> for Count {
    fn from(reading: Reading) -> Self {
        Self { total: reading.total.into(), bad: reading.bad.into() }
    }
}

/// A broken bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Breach {
    /// Too many requests fail.
    Errors {
        /// Percent that fail.
        percent: f64,
        /// Percent that may.
        bound: f64,
        /// Requests a second.
        rate: f64,
    },
    /// Too many requests are slow.
    Latency {
        /// 95th percentile.
        p95: u64,
        /// What it may be.
        bound: u64,
        /// Requests a second.
        rate: f64,
    },
    /// Too many probes fail or are slow.
    Availability {
        /// Percent that succeed.
        percent: f64,
        /// Percent that must.
        bound: f64,
    },
}

impl Breach {
    /// The breach in words, with how long it holds where that is known.
    #[must_use]
    pub fn words(&self, held: Option<Duration>) -> String {
        let lasting = held.map(|held| format!(" for {} s", held.as_secs())).unwrap_or_default();
        match self {
            Self::Errors { rate, .. } | Self::Latency { rate, .. } => {
                format!("{self}{lasting} ({rate:.0} req/s)")
            }
            Self::Availability { .. } => format!("{self}{lasting}"),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors { percent, bound, .. } => write!(formatter, "errors {percent:.1} % > {bound} %"),
            Self::Latency { p95, bound, .. } if p95 > bound => write!(formatter, "P95 {p95} ms > {bound} ms"),
            Self::Latency { bound, .. } => write!(formatter, "P95 over {bound} ms"),
            Self::Availability { percent, bound } => {
                write!(formatter, "probe availability {percent:.1} % < {bound} %")
            }
        }
    }
}

/// The criteria's readings, in the order of [`Evidence::last`].
struct Readings {
    errors: Reading,
    slow: Reading,
    probes: Reading,
}

impl Evidence {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(now: Time, health: &Health) -> Self {
        Self::with_grain(now, health, FINE)
    }

    /// The same for one route, of which there are thousands: in coarser buckets, and without latencies until
    /// [`Self::sketch`] asks for them.
    #[must_use]
    pub fn of_route(now: Time, health: &Health) -> Self {
        let mut evidence =
            Self { sketching: false, min_bad: MIN_BAD_OF_ROUTE, ..Self::with_grain(now, health, COARSE) };
        evidence.follow_few();
        evidence
    }

    fn with_grain(now: Time, health: &Health, grain: Duration) -> Self {
        let window = width(health);
        let track = || Track::new(now, window, grain);
        let mut slow = track();
        slow.ripe_after(health.latency_bound());
        Self {
            health: health.clone(),
            grain,
            started: now,
            errors: track(),
            slow,
            probes: track(),
            answered: track().only_counts(),
            local: track().only_counts(),
            forwarded: None,
            latencies: Latencies::new(window),
            acquitted: None,
            min_bad: 1,
            sketching: true,
            run: None,
            ended: None,
            last: [None; 3],
            quiet_since: now,
        }
    }

    /// Takes new bounds. Another window length starts afresh; anything else judges what is there.
    pub fn reconfigure(&mut self, now: Time, health: &Health) {
        if width(health) == width(&self.health) {
            self.health = health.clone();
            self.slow.ripe_after(health.latency_bound());
            if let Some(forwarded) = &mut self.forwarded {
                forwarded.rebound(health.latency_bound());
            }
        } else {
            let (sketching, min_bad) = (self.sketching, self.min_bad);
            *self = Self { min_bad, sketching, ..Self::with_grain(now, health, self.grain) };
        }
        if self.grain == COARSE {
            self.follow_few();
        }
    }

    /// A route's window speaks from fewer requests on than may move it: so it is known whose trouble they are.
    fn follow_few(&mut self) {
        self.health.min_requests = self.health.min_requests.min(FEW);
    }

    /// Begins to keep latencies for the figure that people see, or drops them.
    pub fn sketch(&mut self, wanted: bool) {
        if self.sketching && !wanted {
            self.latencies = Latencies::new(width(&self.health));
        }
        self.sketching = wanted;
    }

    /// Whether latencies are kept.
    #[must_use]
    pub const fn sketches(&self) -> bool {
        self.sketching
    }

    /// The latency past which a request in flight is to be told by [`Self::overdue`].
    #[must_use]
    pub fn latency_bound(&self) -> Duration {
        self.health.latency_bound()
    }

    /// A request of our own arrivals was received.
    pub fn arrived(&mut self, at: Time) {
        self.local.add(at, 1, 0);
    }

    /// A request got the head of its response (or failed to) after `latency`.
    pub fn request(&mut self, at: Time, latency: Duration, failed: bool) {
        let slow = latency > self.health.latency_bound();
        self.errors.add(at - latency, 1, failed.into());
        self.slow.add(at - latency, 1, slow.into());
        self.answered.add(at, u32::from(!failed), 0);
        if self.sketching {
            self.latencies.add(at, latency);
        }
    }

    /// A request in flight passed the latency bound: a bad sample at that moment.
    pub fn overdue(&mut self, at: Time) {
        let start = at - self.health.latency_bound();
        self.errors.add(start, 1, 0);
        self.slow.add(start, 1, 1);
    }

    /// A request that another region forwarded ended, as [`Self::request`]: it counts among all, and apart.
    pub fn forwarded_request(&mut self, at: Time, latency: Duration, failed: bool) {
        self.request(at, latency, failed);
        let slow = latency > self.health.latency_bound();
        self.forwarded(at).add(at - latency, failed, slow);
    }

    /// One of those in flight passed the latency bound, as [`Self::overdue`].
    pub fn forwarded_overdue(&mut self, at: Time) {
        self.overdue(at);
        let bound = self.health.latency_bound();
        self.forwarded(at).add(at - bound, false, true);
    }

    fn forwarded(&mut self, now: Time) -> &mut Forwarded {
        let (health, grain) = (&self.health, self.grain);
        let new = || Box::new(Forwarded::new(now, width(health), grain, health.latency_bound()));
        self.forwarded.get_or_insert_with(new)
    }

    /// An overdue request ended: no second sample, but people see its latency, and it is no outage.
    pub fn late(&mut self, at: Time, latency: Duration, failed: bool) {
        self.answered.add(at, u32::from(!failed), 0);
        if self.sketching {
            self.latencies.add(at, latency);
        }
    }

    /// A probe that was sent at `sent` succeeded within the latency bound, or did not.
    pub fn probe(&mut self, sent: Time, ok: bool) {
        self.probes.add(sent, 1, u32::from(!ok));
        self.answered.add(sent, u32::from(ok), 0);
    }

    /// Reads all windows. To be called about once a bucket.
    pub fn assess(&mut self, now: Time) -> Assessment {
        self.assess_but(now, &Census::default())
    }

    /// The same; errors and slowness that a few of the routes explain are judged on their own. The region's are
    /// followed on, so that an excuse that ends has hidden nothing; but what the routes have explained for some
    /// time is not evidence against the region later, in a moment when they have too few requests to tell.
    pub fn assess_but(&mut self, now: Time, routes: &Census) -> Assessment {
        if routes.acquits() {
            self.acquitted = Some(now);
        }
        let excused = routes.excuses();
        let mut readings = self.read(now);
        for span in [&mut readings.errors.span, &mut readings.slow.span].into_iter().flatten() {
            span.onset = self.acquitted.map_or(span.onset, |until| span.onset.max(until));
            span.latest = span.latest.max(span.onset);
        }
        let counts = Counts { errors: readings.errors.into(), slow: readings.slow.into() };
        let forwarded = self.forwarded.as_mut().map(|forwarded| forwarded.counts(now)).unwrap_or_default();
        let most = [self.health.max_error_percent / 100.0, SLOW_FRACTION];
        let forwarded_only = readings.probes.span.is_none()
            && are_to_blame([&readings.errors, &readings.slow], forwarded, most);
        if excused {
            (readings.errors.span, readings.slow.span) = (None, None);
        }
        self.follow(&readings);
        let rate = f64::from(readings.errors.total) / self.seconds(now);
        let sli = Sli { forwarded: ForwardedSli::of(forwarded), ..self.figures(now, &readings) };
        let samples =
            readings.errors.total >= self.health.min_requests || readings.probes.total >= MIN_BAD_PROBES;
        Assessment {
            opinion: now.since(self.started) >= width(&self.health),
            breach: self.breach(&readings, &sli, rate),
            held: self.run.map(Span::held).unwrap_or_default(),
            quiet_since: self.run.map_or(self.quiet_since, |run| run.latest),
            forwarded_only,
            outage: samples && self.answered.window(now).0 == 0,
            local_rate: f64::from(self.local.window(now).0) / self.seconds(now),
            counts,
            sli,
        }
    }

    fn read(&mut self, now: Time) -> Readings {
        let requests =
            |fraction| Bound { fraction, min_total: self.health.min_requests, min_bad: self.min_bad };
        let errors = self.errors.read(now, requests(self.health.max_error_percent / 100.0));
        let slow = self.slow.read(now, requests(SLOW_FRACTION));
        let fraction = self.probes_that_may_fail(now, errors.total);
        let bound = Bound { fraction, min_total: MIN_BAD_PROBES, min_bad: MIN_BAD_PROBES };
        Readings { errors, slow, probes: self.probes.read(now, bound) }
    }

    /// Where requests tell how a region is, its few probes say more than they do only if most of them fail: a
    /// stray lost one, seconds before a fault or after it, must not stretch what requests date exactly.
    fn probes_that_may_fail(&mut self, now: Time, requests: u32) -> f64 {
        let (probes, _) = self.probes.window(now);
        let lost = 1.0 - self.health.min_availability_percent / 100.0;
        let told = requests >= self.health.min_requests.max(probes.saturating_mul(REQUESTS_TO_A_PROBE));
        if told { lost.max(MOST_PROBES) } else { lost }
    }

    /// Any criterion out of bounds keeps the run alive; the run holds all their evidence.
    fn follow(&mut self, readings: &Readings) {
        let now = [readings.errors.span, readings.slow.span, readings.probes.span];
        for (last, span) in self.last.iter().zip(now) {
            if let (Some(last), None) = (last, span) {
                self.ended = Some(self.ended.map_or(*last, |ended| ended.union(*last)));
            }
        }
        self.last = now;
        let live = now.into_iter().flatten().reduce(Span::union);
        match (live, self.ended) {
            (Some(live), ended) => self.run = Some(ended.map_or(live, |ended| live.union(ended))),
            (None, ended) => {
                if let Some(span) = ended {
                    self.quiet_since = self.quiet_since.max(span.latest);
                }
                (self.run, self.ended) = (None, None);
            }
        }
    }

    fn breach(&self, readings: &Readings, sli: &Sli, rate: f64) -> Option<Breach> {
        let breaches = [
            readings.errors.span.map(|span| {
                let bound = self.health.max_error_percent;
                (span, Breach::Errors { percent: sli.error_percent, bound, rate })
            }),
            readings.slow.span.map(|span| {
                let bound = self.health.max_latency_p95_milliseconds.into();
                (span, Breach::Latency { p95: sli.latency_p95_milliseconds, bound, rate })
            }),
            readings.probes.span.map(|span| {
                let bound = self.health.min_availability_percent;
                (span, Breach::Availability { percent: sli.availability_percent, bound })
            }),
        ];
        // The longest evidence speaks; among equals what people feel, requests, comes before probes.
        breaches.into_iter().flatten().rev().max_by_key(|(span, _)| span.held()).map(|(_, breach)| breach)
    }

    fn figures(&mut self, now: Time, readings: &Readings) -> Sli {
        let p95 = self.latencies.p95(now).unwrap_or_default();
        let bound = f64::from(self.health.max_latency_p95_milliseconds);
        let p95 = if readings.slow.fraction() > SLOW_FRACTION { p95.max(bound) } else { p95 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a latency, far within range"
        )]
        let latency_p95_milliseconds = p95.round() as u64;
        Sli {
            requests: readings.errors.total.into(),
            error_percent: readings.errors.fraction() * 100.0,
            latency_p95_milliseconds,
            probes: readings.probes.total.into(),
            availability_percent: (1.0 - readings.probes.fraction()) * 100.0,
            forwarded: None,
        }
    }

    /// How much of the window has been watched.
    fn seconds(&self, now: Time) -> f64 {
        now.since(self.started).min(width(&self.health)).as_secs_f64().max(1.0)
    }
}

/// The window, but at least twice the latency bound: slow requests must not leave it before they are known.
fn width(health: &Health) -> Duration {
    health.window().max(2 * health.latency_bound())
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
