//! Reach evidence: what this region sees when it probes another region's front door along the full path.

use std::time::Duration;

use crate::priority::Health;
use crate::time::{Time, millis};
use crate::track::{Bound, FINE, Reading, Span, Track};
use crate::votes::{Opinion, Vote};

/// One lost probe is no news to anybody; only the prober's own TTL falls, until the next one is answered.
const MIN_BAD_PROBES: u32 = 2;

/// Probes of one region's front door, for one priority.
#[derive(Clone, Debug)]
pub struct Watch {
    started: Time,
    window: Duration,
    track: Track,
    /// From the first to the latest of the probes that all failed.
    silence: Option<Span>,
    newest: Option<Time>,
    latest_bad: Option<Time>,
    seen_good: bool,
}

/// How a lone voter convinces itself that the other is dead and not itself cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Other regions vote too: a quorum decides.
    Others,
    /// There are two regions only; this says whether a witness outside both answers, if one is configured.
    Alone {
        /// `None`: none is configured.
        witness: Option<bool>,
    },
}

impl Watch {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(now: Time, health: &Health) -> Self {
        let window = health.window();
        Self {
            started: now,
            window,
            track: Track::new(now, window, FINE),
            silence: None,
            newest: None,
            latest_bad: None,
            seen_good: false,
        }
    }

    /// Takes new bounds; another window length starts afresh.
    pub fn reconfigure(&mut self, now: Time, health: &Health) {
        if self.window != health.window() {
            *self = Self::new(now, health);
        }
    }

    /// A probe that was sent at `sent` reached the front door, or did not.
    pub fn probe(&mut self, sent: Time, ok: bool) {
        self.probed(sent, sent, ok);
    }

    /// A probe that was sent at `sent` heard nothing until `until`, when it was given up: the door was silent in all
    /// that time, and not only at its beginning.
    pub fn unanswered(&mut self, sent: Time, until: Time) {
        self.probed(sent, until, false);
    }

    fn probed(&mut self, sent: Time, until: Time, ok: bool) {
        self.track.add(sent, 1, u32::from(!ok));
        self.newest = Some(self.newest.map_or(sent, |newest| newest.max(sent)));
        self.seen_good |= ok;
        if ok {
            self.silence = None;
        } else {
            self.latest_bad = Some(sent);
            let probe = Span { onset: sent, latest: until };
            self.silence = Some(self.silence.map_or(probe, |silence| silence.union(probe)));
        }
    }

    /// This region's vote. To be asked about every 100 ms.
    pub fn vote(&mut self, now: Time, health: &Health, company: Company) -> Vote {
        let lost = 1.0 - health.min_availability_percent / 100.0;
        let bound = Bound { fraction: lost, min_total: MIN_BAD_PROBES, min_bad: MIN_BAD_PROBES };
        let reading = self.track.read(now, bound);
        let (opinion, reason) = self.opinion(now, &reading, health, company);
        Vote {
            opinion,
            reason,
            age_milliseconds: self.newest.map_or(u64::MAX, |newest| millis(now.since(newest))),
            quiet_milliseconds: millis(now.since(self.latest_bad.unwrap_or(self.started))),
            silent_milliseconds: millis(self.silence.map(Span::held).unwrap_or_default()),
            unreached: false,
            unanswered: self.silence.is_some(),
        }
    }

    fn opinion(&self, now: Time, reading: &Reading, health: &Health, company: Company) -> (Opinion, String) {
        if self.newest.is_none() || now.since(self.started) < self.window {
            return (Opinion::Abstain, "not watched for a whole window yet".to_owned());
        }
        // A region that has never been seen is not up yet rather than down again.
        if !self.seen_good && now.since(self.started) < health.hold().max(self.window) {
            return (Opinion::Abstain, "never seen yet".to_owned());
        }
        let times = if company == Company::Others { 1 } else { 2 };
        let silent = self.silence.map(Span::held).unwrap_or_default();
        let poor = reading.span.map(Span::held).unwrap_or_default();
        let reason = || {
            if silent >= Duration::from_secs(1) {
                return format!("no answer for {} s", silent.as_secs());
            }
            let percent = (1.0 - reading.fraction()) * 100.0;
            format!("{percent:.0} % of probes answered for {} s", poor.as_secs())
        };
        if silent >= times * health.unreachable_hold() || poor >= times * health.hold() {
            return judge(company, reason());
        }
        match reading.span {
            Some(_) => (Opinion::Suspect, reason()),
            None => (Opinion::Good, "it answers".to_owned()),
        }
    }
}

/// The vote of one whose evidence is complete.
fn judge(company: Company, reason: String) -> (Opinion, String) {
    match company {
        Company::Others | Company::Alone { witness: Some(true) } => (Opinion::Bad, reason),
        Company::Alone { witness: Some(false) } => {
            (Opinion::Abstain, format!("{reason}, but no witness answers either: we are cut off"))
        }
        Company::Alone { witness: None } => {
            (Opinion::Suspect, format!("{reason}, but there is no witness to tell dead from cut off"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(probes: &[(u64, bool)]) -> Watch {
        let mut watch = Watch::new(Time(0), &Health::default());
        for (second, ok) in probes {
            watch.probe(Time(second * 1000), *ok);
        }
        watch
    }

    fn opinion(watch: &mut Watch, second: u64, company: Company) -> Opinion {
        watch.vote(Time(second * 1000), &Health::default(), company).opinion
    }

    fn seconds(range: std::ops::Range<u64>, ok: bool) -> Vec<(u64, bool)> {
        range.map(|second| (second, ok)).collect()
    }

    #[test]
    fn the_silence_of_a_probe_lasts_until_it_is_given_up() {
        use Opinion::{Bad, Good, Suspect};
        let mut watch = watch(&seconds(0..20, true));
        let mut seen = Vec::new();
        for second in 20..25 {
            watch.unanswered(Time(second * 1000), Time(second * 1000 + 1000));
            seen.push(opinion(&mut watch, second + 1, Company::Others));
        }
        assert_eq!(
            seen,
            [Good, Suspect, Suspect, Suspect, Bad],
            "five probes of a second each are five seconds"
        );
    }

    #[test]
    fn silence_is_suspect_at_two_seconds_and_bad_at_five() {
        use Opinion::{Bad, Good, Suspect};
        let mut watch = watch(&seconds(0..20, true));
        let mut seen = Vec::new();
        for second in 20..30 {
            watch.probe(Time(second * 1000), false);
            seen.push(opinion(&mut watch, second, Company::Others));
        }
        assert_eq!(seen, [Good, Suspect, Suspect, Suspect, Suspect, Bad, Bad, Bad, Bad, Bad]);
    }

    #[test]
    fn one_lost_probe_is_no_suspicion_but_is_told_until_the_next_is_answered() {
        let mut watch = watch(&seconds(0..20, true));
        let mut vote = |second: u64, ok| {
            watch.probe(Time(second * 1000), ok);
            let vote = watch.vote(Time(second * 1000), &Health::default(), Company::Others);
            (vote.opinion, vote.unanswered)
        };
        assert_eq!(vote(20, true), (Opinion::Good, false));
        assert_eq!(vote(21, false), (Opinion::Good, true));
        assert_eq!(vote(22, true), (Opinion::Good, false));
    }

    #[test]
    fn a_flaky_door_is_bad_after_the_hold() {
        let mut watch = watch(&seconds(0..20, true));
        let mut bad_at = None;
        for second in 20..60 {
            watch.probe(Time(second * 1000), second % 2 == 0);
            if opinion(&mut watch, second, Company::Others) == Opinion::Bad {
                bad_at.get_or_insert(second);
            }
        }
        let at = bad_at.expect("never bad");
        assert!((50..=53).contains(&at), "at {at}");
    }

    #[test]
    fn alone_it_takes_a_witness_and_twice_the_hold() {
        let mut silent = watch(&[seconds(0..20, true), seconds(20..28, false)].concat());
        assert_eq!(opinion(&mut silent, 28, Company::Alone { witness: Some(true) }), Opinion::Suspect);
        let mut silent = watch(&[seconds(0..20, true), seconds(20..32, false)].concat());
        for (witness, expected) in
            [(Some(true), Opinion::Bad), (Some(false), Opinion::Abstain), (None, Opinion::Suspect)]
        {
            assert_eq!(opinion(&mut silent, 32, Company::Alone { witness }), expected, "{witness:?}");
        }
    }

    #[test]
    fn abstains_until_a_window_is_full_and_until_it_was_ever_seen() {
        let mut fresh = watch(&seconds(0..9, false));
        assert_eq!(opinion(&mut fresh, 9, Company::Others), Opinion::Abstain);
        let mut unseen = watch(&seconds(0..29, false));
        assert_eq!(opinion(&mut unseen, 29, Company::Others), Opinion::Abstain);
        unseen.probe(Time(31_000), false);
        assert_eq!(opinion(&mut unseen, 31, Company::Others), Opinion::Bad);
    }
}
