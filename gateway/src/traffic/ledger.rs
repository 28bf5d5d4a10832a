//! The evidence of one priority, with the requests in flight that may still become evidence.

use std::collections::BTreeMap;

use spillway_decide::evidence::{Assessment, Evidence};
use spillway_decide::{Health, Time};

pub(super) struct Ledger {
    pub(super) evidence: Evidence,
    /// When the requests in flight began, oldest first. Those past the latency bound are told already and
    /// gone from here.
    open: BTreeMap<u64, Time>,
    next: u64,
}

impl Ledger {
    pub(super) fn new(now: Time, health: &Health) -> Self {
        Self { evidence: Evidence::new(now, health), open: BTreeMap::new(), next: 0 }
    }

    /// Notes a request in flight; the number is its name.
    pub(super) fn begin(&mut self, start: Time, local: bool) -> u64 {
        if local {
            self.evidence.arrived(start);
        }
        let number = self.next;
        self.next += 1;
        self.open.insert(number, start);
        number
    }

    /// The head of the response is there, or failed to come.
    pub(super) fn finish(&mut self, number: u64, start: Time, now: Time, failed: bool) {
        let latency = now.since(start);
        if self.open.remove(&number).is_some() {
            self.evidence.request(now, latency, failed);
        } else {
            self.evidence.late(now, latency, failed);
        }
    }

    /// The client went away. That it waited for longer than the bound is a sample all the same.
    pub(super) fn forget(&mut self, number: u64, now: Time) {
        let overdue = self.open.remove(&number).map(|start| start + self.evidence.latency_bound());
        if let Some(overdue) = overdue.filter(|overdue| *overdue <= now) {
            self.evidence.overdue(overdue);
        }
    }

    /// Tells of the requests that passed the latency bound, each at the moment it did, and reads the windows.
    pub(super) fn assess(&mut self, now: Time) -> Assessment {
        let bound = self.evidence.latency_bound();
        while let Some(entry) = self.open.first_entry() {
            let overdue = *entry.get() + bound;
            if overdue > now {
                break;
            }
            entry.remove();
            self.evidence.overdue(overdue);
        }
        self.evidence.assess(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(ledger: &mut Ledger, now: u64) -> (u64, f64) {
        let sli = ledger.assess(Time(now)).sli;
        (sli.requests, sli.error_percent)
    }

    #[test]
    fn a_hang_is_a_sample_when_it_passes_the_bound_and_never_again() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        let number = ledger.begin(Time(1_000), true);
        assert_eq!(requests(&mut ledger, 2_499), (0, 0.0));
        assert_eq!(requests(&mut ledger, 2_500), (1, 0.0));
        ledger.finish(number, Time(1_000), Time(9_000), true);
        assert_eq!(requests(&mut ledger, 9_000), (1, 0.0));
    }

    #[test]
    fn a_client_that_goes_away_is_no_sample() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        let number = ledger.begin(Time(1_000), true);
        ledger.forget(number, Time(2_499));
        assert_eq!(requests(&mut ledger, 5_000), (0, 0.0));
        let number = ledger.begin(Time(5_000), true);
        ledger.forget(number, Time(6_550));
        assert_eq!(requests(&mut ledger, 6_600), (1, 0.0), "unless it waited for longer than the bound");
    }

    #[test]
    fn a_failure_is_an_error() {
        let mut ledger = Ledger::new(Time(0), &Health::default());
        let number = ledger.begin(Time(1_000), false);
        ledger.finish(number, Time(1_000), Time(1_010), true);
        assert_eq!(requests(&mut ledger, 2_000), (1, 100.0));
    }
}
