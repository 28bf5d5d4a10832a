//! What this region takes in of others' arrivals: as much as it offered, so that an origin that errs cannot
//! drown it.
//!
//! An offer is a promise for as long as its origin may believe it. So an origin that keeps to its grants is
//! never refused, also when what we offer has just fallen: it has not heard of that yet.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use spillway_decide::Time;
use spillway_decide::grants::Bucket;
use spillway_decide::votes::FRESH;

/// As long as a report counts, and a second for its way and that of the last requests.
pub(super) const BELIEVED: Duration = FRESH.saturating_add(Duration::from_secs(1));
/// Requests bunch up on their way: so much more than was offered, in percent, and so many seconds' worth at once.
const SLACK_PERCENT: u32 = 120;
const BURST_SECONDS: f64 = 1.0;

/// The promises of one priority, by origin.
pub(super) struct Admission {
    began: Time,
    origins: HashMap<String, Promise>,
}

struct Promise {
    /// Offers that may still be believed, falling: the first is the highest.
    offers: VecDeque<(Time, u32)>,
    bucket: Bucket,
}

impl Admission {
    pub(super) fn new(now: Time) -> Self {
        Self { began: now, origins: HashMap::new() }
    }

    /// Notes what is offered from now on, in requests a second by origin.
    pub(super) fn promise(&mut self, now: Time, offers: &BTreeMap<String, u32>) {
        for origin in offers.keys() {
            self.origins.entry(origin.clone()).or_insert_with(Promise::new);
        }
        for (origin, promise) in &mut self.origins {
            promise.set(now, offers.get(origin).copied().unwrap_or(0));
        }
        self.origins.retain(|_, promise| promise.binds());
    }

    /// Takes one request off what was promised to `origin`, if there is something left. What a process before
    /// this one promised nobody knows: at first everything is let in.
    pub(super) fn admit(&mut self, now: Time, origin: &str) -> bool {
        let kept = self.origins.get_mut(origin).is_some_and(|promise| promise.bucket.take(now));
        kept || now.since(self.began) < BELIEVED
    }
}

impl Promise {
    fn new() -> Self {
        Self { offers: VecDeque::new(), bucket: Bucket::with_burst(BURST_SECONDS) }
    }

    fn set(&mut self, now: Time, offer: u32) {
        while self.offers.back().is_some_and(|(_, lower)| *lower <= offer) {
            self.offers.pop_back();
        }
        self.offers.push_back((now, offer));
        while self.offers.front().is_some_and(|(at, _)| now.since(*at) > BELIEVED) {
            self.offers.pop_front();
        }
        self.bucket.set(now, self.highest().saturating_mul(SLACK_PERCENT) / 100);
    }

    fn highest(&self) -> u32 {
        self.offers.front().map_or(0, |(_, offer)| *offer)
    }

    fn binds(&self) -> bool {
        self.highest() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "shenzhen";

    fn offers(rate: u32) -> BTreeMap<String, u32> {
        [(ORIGIN.to_owned(), rate)].into()
    }

    /// How many of so many requests are let in within a second that begins at `from`.
    fn admitted(admission: &mut Admission, from: u64, requests: u64) -> usize {
        (0..requests).filter(|number| admission.admit(Time(from + number * 1000 / requests), ORIGIN)).count()
    }

    #[test]
    fn no_more_comes_in_than_was_offered() {
        let mut admission = Admission::new(Time(0));
        admission.promise(Time(10_000), &offers(100));
        assert!(admitted(&mut admission, 10_000, 1000) <= 241, "a burst and a second, with slack");
        assert!(admitted(&mut admission, 11_000, 1000) <= 121);
        assert_eq!(admitted(&mut admission, 20_000, 100), 100, "who keeps to it is never refused");
        assert!(!admission.admit(Time(20_000), "beijing"), "who was offered nothing");
    }

    #[test]
    fn an_offer_holds_while_it_may_be_believed() {
        let mut admission = Admission::new(Time(0));
        admission.promise(Time(10_000), &offers(100));
        for now in [10_100, 11_000, 12_000, 13_000] {
            admission.promise(Time(now), &offers(0));
            assert_eq!(admitted(&mut admission, now, 100), 100, "at {now}");
        }
        admission.promise(Time(14_001), &offers(0));
        assert!(!admission.admit(Time(14_001), ORIGIN));
        assert!(admission.origins.is_empty(), "nothing is kept of it");
    }

    #[test]
    fn a_new_process_keeps_what_it_does_not_know() {
        let mut admission = Admission::new(Time(10_000));
        assert!(admission.admit(Time(10_500), ORIGIN), "before the first step");
        admission.promise(Time(11_000), &offers(0));
        assert!(admission.admit(Time(13_999), ORIGIN));
        assert!(!admission.admit(Time(14_000), ORIGIN));
    }
}
