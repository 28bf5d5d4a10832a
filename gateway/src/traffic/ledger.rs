//! The evidence of one priority, with the requests in flight that may still become evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use spillway_decide::assessment::Assessment;
use spillway_decide::evidence::Evidence;
use spillway_decide::{Census, Health, Time};

use super::routes::Window;

pub(super) struct Ledger {
    pub(super) evidence: Evidence,
    /// When the requests in flight began, oldest first. Those past the latency bound are told already and
    /// gone from here.
    open: BTreeMap<u64, Open>,
    next: u64,
}

/// A request in flight: when it began, whether it arrived here, and the window of its route.
struct Open {
    start: Time,
    local: bool,
    route: Arc<Window>,
}

impl Ledger {
    pub(super) fn new(now: Time, health: &Health) -> Self {
        Self { evidence: Evidence::new(now, health), open: BTreeMap::new(), next: 0 }
    }

    /// Notes a request in flight; the number is its name.
    pub(super) fn begin(&mut self, start: Time, local: bool, route: Arc<Window>) -> u64 {
        if local {
            self.evidence.arrived(start);
        }
        let number = self.next;
        self.next += 1;
        self.open.insert(number, Open { start, local, route });
        number
    }

    /// The head of the response is there, or failed to come. `route` is the
    /// window of its route.
    pub(super) fn finish(&mut self, number: u64, start: Time, now: Time, failed: bool, route: &Window) {
        let latency = now.since(start);
        if let Some(open) = self.open.remove(&number) {
            let note = |evidence: &mut Evidence| {
                if open.local {
                    evidence.request(now, latency, failed);
                } else {
                    evidence.forwarded_request(now, latency, failed);
                }
            };
            note(&mut self.evidence);
            note(&mut route.evidence.lock());
        } else {
            self.evidence.late(now, latency, failed);
            route.evidence.lock().late(now, latency, failed);
        }
    }

    /// The client went away. That it waited for longer than the bound is a sample all the same.
    pub(super) fn forget(&mut self, number: u64, now: Time) {
        let Some(open) = self.open.remove(&number) else { return };
        let overdue = open.start + self.evidence.latency_bound();
        if overdue <= now {
            self.overdue(overdue, &open);
        }
    }

    fn overdue(&mut self, at: Time, open: &Open) {
        let note = |evidence: &mut Evidence| {
            if open.local { evidence.overdue(at) } else { evidence.forwarded_overdue(at) }
        };
        note(&mut self.evidence);
        note(&mut open.route.evidence.lock());
    }

    /// Tells of the requests that passed the latency bound, each at the moment it did.
    pub(super) fn tell_overdue(&mut self, now: Time) {
        let bound = self.evidence.latency_bound();
        while let Some(entry) = self.open.first_entry() {
            let overdue = entry.get().start + bound;
            if overdue > now {
                break;
            }
            let open = entry.remove();
            self.overdue(overdue, &open);
        }
    }

    /// Reads the windows; what a few routes explain is not the region's.
    pub(super) fn assess(&mut self, now: Time, routes: &Census) -> Assessment {
        self.tell_overdue(now);
        self.evidence.assess_but(now, routes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::routes::Routes;

    fn window() -> Arc<Window> {
        Routes::new(&Health::default()).begin(Time(0), "route", true)
    }

    fn requests(ledger: &mut Ledger, now: u64) -> (u64, f64) {
        let sli = ledger.assess(Time(now), &Census::default()).sli;
        (sli.requests, sli.error_percent)
    }

    #[test]
    fn a_hang_is_a_sample_when_it_passes_the_bound_and_never_again() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        let number = ledger.begin(Time(1_000), true, window());
        assert_eq!(requests(&mut ledger, 2_499), (0, 0.0));
        assert_eq!(requests(&mut ledger, 2_500), (1, 0.0));
        ledger.finish(number, Time(1_000), Time(9_000), true, &window());
        assert_eq!(requests(&mut ledger, 9_000), (1, 0.0));
    }

    #[test]
    fn a_client_that_goes_away_is_no_sample() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        let number = ledger.begin(Time(1_000), true, window());
        ledger.forget(number, Time(2_499));
        assert_eq!(requests(&mut ledger, 5_000), (0, 0.0));
        let number = ledger.begin(Time(5_000), true, window());
        ledger.forget(number, Time(6_550));
        assert_eq!(requests(&mut ledger, 6_600), (1, 0.0), "unless it waited for longer than the bound");
    }

    #[test]
    fn what_another_region_forwarded_counts_among_all_and_apart() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        for (local, failed) in [(true, false), (false, true)] {
            let number = ledger.begin(Time(1_000), local, window());
            ledger.finish(number, Time(1_000), Time(1_010), failed, &window());
        }
        ledger.begin(Time(1_000), false, window());
        let sli = ledger.assess(Time(4_100), &Census::default()).sli;
        let forwarded = sli.forwarded.unwrap();
        assert_eq!((sli.requests, forwarded.requests), (3, 2), "one of them passed the bound");
        assert_eq!((forwarded.error_percent, forwarded.slow_percent), (50.0, 50.0));
    }

    #[test]
    fn a_failure_is_an_error() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        let number = ledger.begin(Time(1_000), false, window());
        ledger.finish(number, Time(1_000), Time(1_010), true, &window());
        assert_eq!(requests(&mut ledger, 2_000), (1, 100.0));
    }
}
