//! Whether a region keeps its promise: Healthy, Suspected, Degraded, Recovering, and round again.
//!
//! The same machine judges by self evidence (a gateway its own region) and by reach evidence (a quorum of
//! regions another's front door); only the signals differ.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::priority::Recovery;
use crate::time::Time;

/// A failure is forgotten after so long without another.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// How a region is, from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Within its bounds, or without an opinion yet.
    #[default]
    Healthy,
    /// Out of bounds, for less than the hold.
    Suspected,
    /// Within its bounds again: traffic comes home by steps.
    Recovering,
    /// Out of bounds for the hold: traffic leaves.
    Degraded,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Healthy => "Healthy",
            Self::Suspected => "Suspected",
            Self::Recovering => "Recovering",
            Self::Degraded => "Degraded",
        })
    }
}

/// What the evidence says at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Nobody knows: the last verdict stands.
    Silent,
    /// Within bounds, with no bad evidence since then.
    Good {
        /// The latest bad evidence, or the beginning of the watch.
        quiet_since: Time,
    },
    /// Within bounds, say too few to be sure of it, yet no fewer than doubt it: enough to come home.
    Leaning {
        /// As with [`Signal::Good`], by those who say so.
        quiet_since: Time,
        /// What those say who doubt it, if any.
        doubt: Option<String>,
    },
    /// Out of bounds, for less than the hold.
    Trouble {
        /// In words.
        reason: String,
        /// Enough to end a recovery at once.
        relapse: bool,
    },
    /// Out of bounds for the hold.
    Confirmed {
        /// In words.
        reason: String,
    },
}

/// A region's verdict with its memory.
#[derive(Clone, Debug)]
pub struct Machine {
    verdict: Verdict,
    since: Time,
    reason: String,
    /// Some evidence has decided; before, Healthy is a mere assumption.
    founded: bool,
    /// Failures that are not forgotten yet; each lengthens the next recovery's hold.
    failures: u32,
    /// Position in the recovery's steps, and since when.
    step: usize,
    step_since: Time,
}

impl Machine {
    /// Healthy, for want of an opinion.
    #[must_use]
    pub fn new(now: Time) -> Self {
        Self {
            verdict: Verdict::Healthy,
            since: now,
            reason: "no evidence yet".to_owned(),
            founded: false,
            failures: 0,
            step: 0,
            step_since: now,
        }
    }

    /// The verdict.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Since when it stands.
    #[must_use]
    pub const fn since(&self) -> Time {
        self.since
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Percent of the region's arrivals that are to be home.
    #[must_use]
    pub fn home_percent(&self, recovery: &Recovery) -> u32 {
        match self.verdict {
            Verdict::Healthy | Verdict::Suspected => 100,
            Verdict::Recovering => recovery.steps_percent.get(self.step).copied().unwrap_or(100).min(100),
            Verdict::Degraded => 0,
        }
    }

    /// How long evidence must be good before traffic comes home.
    #[must_use]
    pub fn recovery_hold(&self, recovery: &Recovery) -> Duration {
        let seconds = recovery.hold_seconds.saturating_mul(self.failures.max(1));
        Duration::from_secs(seconds.min(recovery.max_hold_seconds.max(recovery.hold_seconds)).into())
    }

    /// Whether nothing of it needs to be remembered: it is as good as new.
    pub(crate) fn is_forgettable(&self, now: Time) -> bool {
        let quiet = self.failures == 0 || now.since(self.since) >= FORGOTTEN_AFTER;
        self.verdict == Verdict::Healthy && quiet
    }

    /// Takes one moment's signal in.
    pub fn step(&mut self, now: Time, signal: &Signal, recovery: &Recovery) {
        match self.verdict {
            Verdict::Healthy | Verdict::Suspected => self.well(now, signal),
            Verdict::Degraded => self.degraded(now, signal, recovery),
            Verdict::Recovering => self.recovering(now, signal, recovery),
        }
    }

    /// Takes over what others hold, after a restart and before there is evidence of one's own.
    pub fn adopt_failure(&mut self, now: Time, reason: &str) {
        if !self.founded {
            self.fail(now, reason);
        }
    }

    fn well(&mut self, now: Time, signal: &Signal) {
        match signal {
            Signal::Confirmed { reason } => self.fail(now, reason),
            Signal::Trouble { reason, .. } | Signal::Leaning { doubt: Some(reason), .. }
                if self.verdict == Verdict::Healthy =>
            {
                self.turn(now, Verdict::Suspected, reason);
            }
            Signal::Good { .. } | Signal::Leaning { doubt: None, .. }
                if self.verdict == Verdict::Suspected =>
            {
                self.turn(now, Verdict::Healthy, "within bounds again");
            }
            Signal::Good { .. } if !self.founded => {
                self.founded = true;
                "within bounds".clone_into(&mut self.reason);
            }
            Signal::Silent | Signal::Trouble { .. } | Signal::Leaning { .. } | Signal::Good { .. } => {}
        }
    }

    fn degraded(&mut self, now: Time, signal: &Signal, recovery: &Recovery) {
        let (Signal::Good { quiet_since } | Signal::Leaning { quiet_since, .. }) = signal else { return };
        let quiet = now.since(*quiet_since);
        if quiet >= self.recovery_hold(recovery) {
            (self.step, self.step_since) = (0, now);
            self.turn(now, Verdict::Recovering, &format!("within bounds for {} s", quiet.as_secs()));
        }
    }

    fn recovering(&mut self, now: Time, signal: &Signal, recovery: &Recovery) {
        match signal {
            Signal::Confirmed { reason } | Signal::Trouble { reason, relapse: true } => {
                self.fail(now, &format!("relapse: {reason}"));
            }
            Signal::Trouble { .. } | Signal::Silent => {}
            Signal::Good { .. } | Signal::Leaning { .. } => self.come_home(now, recovery),
        }
    }

    fn come_home(&mut self, now: Time, recovery: &Recovery) {
        if now.since(self.step_since) < Duration::from_secs(recovery.step_seconds.into()) {
            return;
        }
        self.step_since = now;
        self.step += 1;
        if self.step >= recovery.steps_percent.len() {
            self.turn(now, Verdict::Healthy, "recovered");
        }
    }

    fn fail(&mut self, now: Time, reason: &str) {
        self.founded = true;
        let quiet = matches!(self.verdict, Verdict::Healthy | Verdict::Suspected)
            && now.since(self.since) >= FORGOTTEN_AFTER;
        self.failures = if quiet { 1 } else { self.failures.saturating_add(1) };
        self.turn(now, Verdict::Degraded, reason);
    }

    fn turn(&mut self, now: Time, verdict: Verdict, reason: &str) {
        self.verdict = verdict;
        self.since = now;
        reason.clone_into(&mut self.reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Time {
        Time(n * 1000)
    }

    fn bad() -> Signal {
        Signal::Confirmed { reason: "P95 2140 ms > 1500 ms for 30 s (410 req/s)".to_owned() }
    }

    fn trouble() -> Signal {
        Signal::Trouble { reason: "P95 1600 ms > 1500 ms".to_owned(), relapse: true }
    }

    const fn good(quiet_since: u64) -> Signal {
        Signal::Good { quiet_since: Time(quiet_since * 1000) }
    }

    /// Feeds a good signal until the verdict changes, and says when.
    fn until_change(machine: &mut Machine, from: u64, quiet_since: u64) -> u64 {
        let before = machine.verdict();
        for n in from..from + 10_000 {
            machine.step(second(n), &good(quiet_since), &Recovery::default());
            if machine.verdict() != before {
                return n;
            }
        }
        panic!("{before} for ever");
    }

    #[test]
    fn comes_home_by_steps() {
        let mut machine = Machine::new(second(0));
        machine.step(second(10), &trouble(), &Recovery::default());
        assert_eq!(machine.verdict(), Verdict::Suspected);
        machine.step(second(40), &bad(), &Recovery::default());
        assert_eq!((machine.verdict(), machine.home_percent(&Recovery::default())), (Verdict::Degraded, 0));
        assert_eq!(until_change(&mut machine, 50, 50), 80);
        let mut homes = Vec::new();
        for n in 80..=200 {
            machine.step(second(n), &good(50), &Recovery::default());
            homes.push((n, machine.home_percent(&Recovery::default())));
        }
        homes.dedup_by_key(|(_, home)| *home);
        assert_eq!(homes, [(80, 5), (110, 25), (140, 50), (170, 100)]);
        assert_eq!((machine.verdict(), machine.since()), (Verdict::Healthy, second(200)));
    }

    #[test]
    fn a_relapse_is_at_once_and_lengthens_the_hold() {
        let mut machine = Machine::new(second(0));
        machine.step(second(40), &bad(), &Recovery::default());
        let mut now = until_change(&mut machine, 41, 40);
        for failures in 2..=12_u64 {
            machine.step(second(now), &trouble(), &Recovery::default());
            assert_eq!(machine.verdict(), Verdict::Degraded);
            assert!(machine.reason().starts_with("relapse: "), "{}", machine.reason());
            let home = until_change(&mut machine, now + 1, now);
            assert_eq!(home - now, (30 * failures).min(300));
            now = home;
        }
    }

    #[test]
    fn ten_quiet_minutes_forget() {
        for (quiet, hold) in [(500, 60), (700, 30)] {
            let mut machine = Machine::new(second(0));
            machine.step(second(1), &bad(), &Recovery::default());
            let recovering = until_change(&mut machine, 2, 1);
            let healthy = until_change(&mut machine, recovering, 1);
            machine.step(second(healthy + quiet), &bad(), &Recovery::default());
            assert_eq!(machine.recovery_hold(&Recovery::default()), Duration::from_secs(hold), "{quiet} s");
        }
    }

    #[test]
    fn leaning_to_good_brings_home_and_doubt_remains() {
        let leaning = |doubt: Option<&str>| Signal::Leaning {
            quiet_since: second(50),
            doubt: doubt.map(ToOwned::to_owned),
        };
        let mut machine = Machine::new(second(0));
        machine.step(second(40), &bad(), &Recovery::default());
        machine.step(second(79), &leaning(Some("1 of 2")), &Recovery::default());
        assert_eq!(machine.verdict(), Verdict::Degraded, "not before the hold");
        machine.step(second(80), &leaning(Some("1 of 2")), &Recovery::default());
        assert_eq!(machine.verdict(), Verdict::Recovering);
        for now in [110, 140, 170, 200] {
            machine.step(second(now), &leaning(None), &Recovery::default());
        }
        assert_eq!(machine.verdict(), Verdict::Healthy);
        machine.step(second(201), &leaning(Some("1 of 2")), &Recovery::default());
        assert_eq!((machine.verdict(), machine.reason()), (Verdict::Suspected, "1 of 2"));
        machine.step(second(202), &leaning(None), &Recovery::default());
        assert_eq!(machine.verdict(), Verdict::Healthy);
    }

    #[test]
    fn silence_changes_nothing() {
        let mut machine = Machine::new(second(0));
        machine.step(second(1), &bad(), &Recovery::default());
        machine.step(second(5_000), &Signal::Silent, &Recovery::default());
        assert_eq!(machine.verdict(), Verdict::Degraded);
    }
}
