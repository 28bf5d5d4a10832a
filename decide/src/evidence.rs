//! Self evidence: what a region's gateway sees of the requests that it serves and of its own probes.

use std::time::Duration;

use crate::assessment::{Assessment, Breach};
use crate::census::Census;
use crate::count::{Counts, SLOW_FRACTION};
use crate::forwarded::{Forwarded, are_to_blame};
use crate::priority::Health;
use crate::sli::{ForwardedSli, Latencies, Sli};
use crate::time::Time;
use crate::track::{Bound, COARSE, FINE, Reading, Span, Track};

/// One lost probe is no news.
const MIN_BAD_PROBES: u32 = 2;
/// Probes come one a second and are known a little later, so a shorter window would hold now two of them, now one: lost ones
/// would be seen and forgotten in turn, and never hold.
const LEAST_OF_PROBES: Duration = Duration::from_secs(3);
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
            probes: Track::new(now, window.max(LEAST_OF_PROBES), grain),
            answered: Track::new(now, window.max(LEAST_OF_PROBES), grain).only_counts(),
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
