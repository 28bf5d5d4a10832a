//! Ejection: an endpoint that fails is left out for a while.
//!
//! Two rules, the first that holds: five failures in a row (no connection, a reset, garbage, no answer in time,
//! or 502, 503, 504), or half of at least twenty requests of the last seconds bad while the other endpoints do
//! twice as well. The second one compares: what is wrong everywhere is not the endpoint's fault, and ejecting
//! would help nobody. At most half of a backend is ejected at a time and never the last endpoint.

use std::fmt;
use std::time::Duration;

use crate::time::Time;

/// Failures in a row that eject.
pub const FAILURES_IN_A_ROW: u32 = 5;
/// Requests below which a rate says nothing.
const LEAST_REQUESTS: f64 = 20.0;
/// The rate of bad answers that ejects.
const BAD_RATE: f64 = 0.5;
/// Rates are of about so many seconds.
const MEMORY: Duration = Duration::from_secs(10);
/// The first ejection; each one after it takes twice as long, up to the longest.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(5);
/// After so long without an ejection the next one is a first again.
const FORGIVEN: Duration = Duration::from_mins(5);

/// What went wrong between us and an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// No connection: refused, unreachable, or not in time.
    Connect,
    /// The connection ended before an answer began.
    Reset,
    /// HTTP/2: the endpoint refused the stream, or said that it would not look at it.
    Refused,
    /// What came is not HTTP.
    Garbage,
    /// No answer in time.
    Timeout,
    /// The answer ended in the middle of its body.
    Cut,
    /// The answer's body paused for too long.
    Stalled,
}

impl Fault {
    /// One word, as metrics and `/debug/backends` show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::Garbage => "garbage",
            Self::Timeout => "timeout",
            Self::Cut => "cut",
            Self::Stalled => "stalled",
        }
    }
}

/// How a request at an endpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer below 500.
    Well,
    /// A 5xx that only the application can mean.
    Erred,
    /// No answer, or a 502, 503 or 504.
    Failed,
}

impl Outcome {
    /// Of an answer with this status code.
    #[must_use]
    pub const fn of_status(code: u16) -> Self {
        match code {
            502..=504 => Self::Failed,
            500.. => Self::Erred,
            _ => Self::Well,
        }
    }
}

/// Why an endpoint is ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// So many failures in a row.
    FailuresInARow,
    /// It fails much more often than the others.
    WorseThanTheOthers,
    /// It came back and failed at once.
    FailedAgain,
}

impl Reason {
    /// One word, as metrics show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailuresInARow => "failures_in_a_row",
            Self::WorseThanTheOthers => "worse_than_the_others",
            Self::FailedAgain => "failed_again",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailuresInARow => write!(formatter, "{FAILURES_IN_A_ROW} failures in a row"),
            Self::WorseThanTheOthers => {
                formatter.write_str("half of its answers are bad, and the others' are not")
            }
            Self::FailedAgain => formatter.write_str("it failed again when it came back"),
        }
    }
}

/// Requests and bad ones of the last seconds; older ones fade.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    requests: f64,
    bad: f64,
    at: Time,
}

impl Tally {
    /// Adds one.
    pub fn add(&mut self, now: Time, outcome: Outcome) {
        *self = self.faded(now);
        self.requests += 1.0;
        self.bad += if outcome == Outcome::Well { 0.0 } else { 1.0 };
    }

    fn faded(self, now: Time) -> Self {
        let left = (-now.since(self.at).as_secs_f64() / MEMORY.as_secs_f64()).exp();
        Self { requests: self.requests * left, bad: self.bad * left, at: self.at.max(now) }
    }

    /// The rate of bad ones, if there are enough to have one.
    fn rate(self) -> Option<f64> {
        (self.requests >= LEAST_REQUESTS).then(|| self.bad / self.requests)
    }

    fn without(self, part: Self) -> Self {
        let less = |whole: f64, part: f64| (whole - part).max(0.0);
        Self { requests: less(self.requests, part.requests), bad: less(self.bad, part.bad), at: self.at }
    }
}

/// One endpoint of one backend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    in_a_row: u32,
    tally: Tally,
    ejected: Option<Ejected>,
}

/// The last ejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejected {
    /// Why.
    pub reason: Reason,
    /// Until when.
    pub until: Time,
    /// How many in short order, this one too.
    pub times: u32,
    /// Nothing has come well from it since.
    on_trial: bool,
}

impl Health {
    /// Notes how a request ended; `whole` is the tally of all endpoints, this one too. Says why the endpoint
    /// should be ejected, if it should.
    pub fn note(&mut self, now: Time, outcome: Outcome, whole: Tally) -> Option<Reason> {
        self.tally.add(now, outcome);
        match outcome {
            Outcome::Failed => self.in_a_row += 1,
            Outcome::Erred => {}
            Outcome::Well => {
                self.in_a_row = 0;
                if let Some(ejected) = self.ejected.as_mut().filter(|ejected| ejected.until <= now) {
                    ejected.on_trial = false;
                }
            }
        }
        if self.is_ejected(now) || outcome == Outcome::Well {
            return None;
        }
        if outcome == Outcome::Failed && self.ejected.is_some_and(|ejected| ejected.on_trial) {
            return Some(Reason::FailedAgain);
        }
        if self.in_a_row >= FAILURES_IN_A_ROW {
            return Some(Reason::FailuresInARow);
        }
        self.is_worse(now, whole).then_some(Reason::WorseThanTheOthers)
    }

    fn is_worse(&self, now: Time, whole: Tally) -> bool {
        let others = whole.faded(now).without(self.tally).rate();
        let own = self.tally.rate();
        matches!((own, others), (Some(own), Some(others)) if own >= BAD_RATE && others <= own / 2.0)
    }

    /// Leaves it out; says for how long.
    pub fn eject(&mut self, now: Time, reason: Reason) -> Duration {
        let recent = self.ejected.filter(|last| now.since(last.until) < FORGIVEN);
        let times = recent.map_or(0, |last| last.times) + 1;
        let lasts = FIRST.saturating_mul(2_u32.saturating_pow(times - 1)).min(LONGEST);
        *self = Self {
            ejected: Some(Ejected { reason, until: now + lasts, times, on_trial: true }),
            ..Self::default()
        };
        lasts
    }

    /// Whether it is left out now.
    #[must_use]
    pub fn is_ejected(&self, now: Time) -> bool {
        self.ejected.is_some_and(|ejected| now < ejected.until)
    }

    /// The last ejection, over or not.
    #[must_use]
    pub const fn last(&self) -> Option<Ejected> {
        self.ejected
    }

    /// Failures in a row up to now.
    #[must_use]
    pub const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

/// Whether one more of `endpoints` may be ejected: at most half, never the last.
#[must_use]
pub const fn may_eject(endpoints: usize, ejected: usize) -> bool {
    ejected < endpoints / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(health: &mut Health, now: u64, outcomes: &[Outcome]) -> Option<Reason> {
        outcomes.iter().fold(None, |_, outcome| health.note(Time(now), *outcome, Tally::default()))
    }

    const FAILED: Outcome = Outcome::Failed;
    const WELL: Outcome = Outcome::Well;

    #[test]
    fn five_failures_in_a_row_eject_and_a_good_answer_begins_anew() {
        let mut health = Health::default();
        assert_eq!(note(&mut health, 1_000, &[FAILED; 4]), None);
        assert_eq!(note(&mut health, 1_000, &[WELL, FAILED, FAILED, FAILED, FAILED]), None);
        assert_eq!(note(&mut health, 1_000, &[FAILED]), Some(Reason::FailuresInARow));
        assert_eq!(health.eject(Time(1_000), Reason::FailuresInARow), FIRST);
        assert!(health.is_ejected(Time(10_999)) && !health.is_ejected(Time(11_000)));
        assert_eq!(note(&mut health, 2_000, &[FAILED; 9]), None, "what was in flight says nothing new");
    }

    #[test]
    fn who_comes_back_and_fails_goes_for_longer() {
        let mut health = Health::default();
        let (mut now, mut lasts) = (Time(1_000), health.eject(Time(1_000), Reason::FailuresInARow));
        for expected in [20, 40, 80, 160, 300, 300] {
            now = now + lasts;
            assert_eq!(note(&mut health, now.0, &[FAILED]), Some(Reason::FailedAgain));
            lasts = health.eject(now, Reason::FailedAgain);
            assert_eq!(lasts, Duration::from_secs(expected));
        }
        now = now + lasts;
        assert_eq!(note(&mut health, now.0, &[WELL, FAILED]), None, "one good answer ends the trial");
        now = now + FORGIVEN;
        assert_eq!(health.eject(now, Reason::FailuresInARow), FIRST, "forgiven");
    }

    /// 60 % of an endpoint's answers are 500s; the others' are 0 %, 20 %, 60 %.
    #[test]
    fn an_endpoint_is_ejected_for_what_is_its_own() {
        for (others_bad, ejected) in [(0, true), (2, true), (6, false)] {
            let (mut health, mut whole, mut found) = (Health::default(), Tally::default(), None);
            for number in 0..200_u64 {
                let of = |bad: u64| if number % 10 < bad { Outcome::Erred } else { WELL };
                let now = Time(1_000 + number * 10);
                (0..3).for_each(|_| whole.add(now, of(others_bad)));
                whole.add(now, of(6));
                found = found.or(health.note(now, of(6), whole));
            }
            assert_eq!(found, ejected.then_some(Reason::WorseThanTheOthers), "others {others_bad} of 10");
        }
    }

    #[test]
    fn a_few_requests_are_no_rate() {
        let mut whole = Tally::default();
        (0..100).for_each(|_| whole.add(Time(1_000), WELL));
        let mut health = Health::default();
        for _ in 0..19 {
            assert_eq!(health.note(Time(1_000), Outcome::Erred, whole), None);
        }
        assert_eq!(health.note(Time(31_000), Outcome::Erred, whole), None, "faded");
    }

    proptest! {
        #[test]
        fn at_most_half_and_never_the_last(endpoints in 0_usize..100) {
            let ejected = (0..endpoints).take_while(|ejected| may_eject(endpoints, *ejected)).count();
            prop_assert_eq!(ejected, endpoints / 2);
            prop_assert!(endpoints == 0 || ejected < endpoints);
        }
    }
}
