//! What regions think of each other's front doors, and when enough of them think the same.
//!
//! Only a quorum gives a region up. Doubt below it shortens the TTL and does no more: one voter whose own
//! link is bad must not hold the others up. A region that was given up is taken back when at least as many
//! say good as doubt it, so that neither that voter nor a region that is down keeps it away for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;
use crate::verdict::Signal;

/// A vote, a declared verdict or a grant older than this says nothing.
pub const FRESH: Duration = Duration::from_secs(3);

/// One region's opinion of another region's front door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Opinion {
    /// Not enough seen, or nothing new.
    #[default]
    Abstain,
    /// Out of bounds for the hold.
    Bad,
    /// Out of bounds for less than the hold; counts as no vote, but shortens the TTL.
    Suspect,
    /// Within bounds.
    Good,
}

/// An opinion as it travels: with ages instead of times, for clocks differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vote {
    /// The opinion.
    pub opinion: Opinion,
    /// Why, in words.
    pub reason: String,
    /// Milliseconds since the newest probe that it rests on.
    pub age_milliseconds: u64,
    /// For Good: milliseconds since the last bad probe.
    pub quiet_milliseconds: u64,
    /// Milliseconds from the first to the latest of the probes that all failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub silent_milliseconds: u64,
    /// The writer's probes do not reach it, though it abstains.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unreached: bool,
    /// The newest probe was not answered: no opinion yet, but reason enough for the prober's own DNS not to promise
    /// this door for long. Nobody else is told, so that one lost probe shows nowhere else.
    #[serde(skip)]
    pub unanswered: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(milliseconds: &u64) -> bool {
    *milliseconds == 0
}

/// A vote as it is counted: whose it is, and how long ago it was heard. Borrowed, for a gateway of 37 regions
/// counts more than a thousand of them in each step.
#[derive(Clone, Copy, Debug)]
pub struct Cast<'a> {
    /// The region that votes.
    pub voter: &'a str,
    /// What it said.
    pub vote: &'a Vote,
    /// How long ago it was heard; as much older is all that it says.
    pub since: Duration,
    /// The voter's configuration is another one: its bounds are not ours, but silence is silence. From so many
    /// milliseconds of it on we would say bad ourselves.
    pub skewed: Option<u64>,
}

impl Cast<'_> {
    fn is_fresh(&self) -> bool {
        Duration::from_millis(self.vote.age_milliseconds).saturating_add(self.since) <= FRESH
    }

    /// What it says by our bounds.
    fn opinion(&self) -> Opinion {
        match (self.vote.opinion, self.skewed) {
            (Opinion::Bad, Some(hold)) if self.vote.silent_milliseconds < hold => Opinion::Suspect,
            (opinion, _) => opinion,
        }
    }

    fn quiet_milliseconds(&self) -> u64 {
        self.vote.quiet_milliseconds.saturating_add(crate::time::millis(self.since))
    }
}

/// The count of the votes on one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Regions that have a vote: all others of the priority, whether heard of or not.
    pub voters: u32,
    /// Fresh votes for bad.
    pub bad: u32,
    /// Fresh votes for good.
    pub good: u32,
    /// Regions that suspect, without a vote yet.
    pub suspecting: u32,
    /// What one of the bad or suspecting says.
    pub reason: String,
    /// The youngest of the good votes' last bad probes.
    quiet_milliseconds: Option<u64>,
}

impl Tally {
    /// Counts the votes of the other regions; of one region with several members, the best.
    #[must_use]
    pub fn count<'a>(voters: u32, cast: impl IntoIterator<Item = Cast<'a>>) -> Self {
        let mut of_region: BTreeMap<&str, Cast<'a>> = BTreeMap::new();
        for cast in cast.into_iter().filter(Cast::is_fresh) {
            let best = of_region.entry(cast.voter).or_insert(cast);
            if cast.opinion() > best.opinion() {
                *best = cast;
            }
        }
        let mut tally = Self { voters, ..Self::default() };
        for cast in of_region.into_values() {
            tally.add(cast);
        }
        tally
    }

    fn add(&mut self, cast: Cast<'_>) {
        let (vote, opinion) = (cast.vote, cast.opinion());
        match opinion {
            Opinion::Abstain => return,
            Opinion::Bad => self.bad += 1,
            Opinion::Suspect => self.suspecting += 1,
            Opinion::Good => {
                self.good += 1;
                let quiet = self.quiet_milliseconds.unwrap_or(u64::MAX);
                self.quiet_milliseconds = Some(quiet.min(cast.quiet_milliseconds()));
                return;
            }
        }
        if self.reason.is_empty() || opinion == Opinion::Bad {
            self.reason.clone_from(&vote.reason);
        }
    }

    /// Votes that decide: more than half of all who have one.
    #[must_use]
    pub const fn quorum(&self) -> u32 {
        self.voters / 2 + 1
    }

    /// Fresh votes for bad, and regions that suspect.
    const fn doubting(&self) -> u32 {
        self.bad + self.suspecting
    }

    /// What the count says. Where doubt below a quorum outweighs the good votes the last verdict stands.
    #[must_use]
    pub fn signal(&self, now: Time) -> Signal {
        let Self { bad, good, voters, reason, .. } = self;
        if *voters == 0 {
            return Signal::Silent;
        }
        if *bad >= self.quorum() {
            return Signal::Confirmed {
                reason: format!("{bad} of {voters} regions cannot reach it: {reason}"),
            };
        }
        let doubting = self.doubting();
        let doubt = (doubting > 0).then(|| format!("{doubting} of {voters} regions have trouble: {reason}"));
        let quiet_since = now - Duration::from_millis(self.quiet_milliseconds.unwrap_or_default());
        match doubt {
            None if *good >= self.quorum() => Signal::Good { quiet_since },
            doubt if *good > 0 && *good >= doubting => Signal::Leaning { quiet_since, doubt },
            Some(reason) => Signal::Trouble { reason, relapse: false },
            None => Signal::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(opinion: Opinion, age: u64) -> Vote {
        Vote {
            opinion,
            age_milliseconds: age,
            reason: "silent for 5 s".to_owned(),
            quiet_milliseconds: 9_000,
            ..Vote::default()
        }
    }

    fn count(voters: u32, said: &[(&str, Vote)]) -> Tally {
        let cast = said.iter().map(|(voter, vote)| Cast { voter, vote, since: Duration::ZERO, skewed: None });
        Tally::count(voters, cast)
    }

    fn confirmed(voters: u32, opinions: &[Opinion]) -> bool {
        let names: Vec<String> = (0..opinions.len()).map(|n| format!("r{n}")).collect();
        let cast: Vec<_> =
            names.iter().zip(opinions).map(|(name, opinion)| (name.as_str(), vote(*opinion, 100))).collect();
        matches!(count(voters, &cast).signal(Time(50_000)), Signal::Confirmed { .. })
    }

    #[test]
    fn more_than_half_of_all_voters_decide() {
        use Opinion::{Abstain, Bad, Good};
        assert!(confirmed(1, &[Bad]));
        assert!(!confirmed(2, &[Bad]));
        assert!(!confirmed(2, &[Bad, Abstain]));
        assert!(confirmed(2, &[Bad, Bad]));
        assert!(confirmed(3, &[Bad, Bad, Good]));
        assert!(!confirmed(4, &[Bad, Bad, Good, Good]));
        assert!(!confirmed(36, &[Bad; 18]));
        assert!(confirmed(36, &[Bad; 19]));
    }

    #[test]
    fn a_vote_by_other_bounds_counts_if_the_silence_is_long_enough_by_ours() {
        for (silent, expected) in [(4_999, (1, 1)), (5_000, (2, 0))] {
            let vote = Vote { silent_milliseconds: silent, ..vote(Opinion::Bad, 100) };
            let cast = |voter, skewed| Cast { voter, vote: &vote, since: Duration::ZERO, skewed };
            let tally = Tally::count(2, [cast("a", None), cast("b", Some(5_000))]);
            assert_eq!((tally.bad, tally.suspecting), expected, "{silent} ms");
        }
    }

    #[test]
    fn an_expired_vote_abstains_and_keeps_its_seat() {
        let votes = [("a", vote(Opinion::Bad, 100)), ("b", vote(Opinion::Bad, 3_001))];
        let tally = count(2, &votes);
        assert_eq!((tally.bad, tally.voters), (1, 2));
        assert!(matches!(tally.signal(Time(0)), Signal::Trouble { .. }));
    }

    #[test]
    fn a_region_has_one_vote_its_best() {
        let votes = [("a", vote(Opinion::Bad, 100)), ("a", vote(Opinion::Good, 100))];
        let tally = count(1, &votes);
        assert_eq!((tally.bad, tally.good), (0, 1));
    }

    #[test]
    fn silence_is_no_verdict() {
        assert_eq!(count(2, &[("a", vote(Opinion::Abstain, 1))]).signal(Time(0)), Signal::Silent);
        assert_eq!(count(2, &[("a", vote(Opinion::Good, 3_001))]).signal(Time(0)), Signal::Silent);
        assert_eq!(count(0, &[]).signal(Time(0)), Signal::Silent);
    }

    #[test]
    fn below_a_quorum_it_leans_to_the_good_unless_doubt_outweighs_it() {
        use Opinion::{Abstain, Bad, Good, Suspect};
        for (opinions, leans, doubted) in [
            ([Good, Abstain, Abstain, Abstain], true, false),
            ([Good, Bad, Abstain, Abstain], true, true),
            ([Good, Good, Bad, Suspect], true, true),
            ([Good, Good, Good, Suspect], true, true),
            ([Good, Bad, Suspect, Abstain], false, true),
            ([Bad, Abstain, Abstain, Abstain], false, true),
        ] {
            let cast: Vec<_> =
                ["a", "b", "c", "d"].into_iter().zip(opinions.map(|opinion| vote(opinion, 100))).collect();
            let found = match count(4, &cast).signal(Time(50_000)) {
                Signal::Leaning { quiet_since, doubt } => {
                    assert_eq!(quiet_since, Time(41_000), "{opinions:?}");
                    (true, doubt.is_some())
                }
                Signal::Trouble { relapse: false, .. } => (false, true),
                other => panic!("{opinions:?}: {other:?}"),
            };
            assert_eq!(found, (leans, doubted), "{opinions:?}");
        }
    }

    #[test]
    fn a_good_quorum_tells_how_long() {
        let votes = [("a", vote(Opinion::Good, 1)), ("b", vote(Opinion::Good, 1))];
        let signal = count(2, &votes).signal(Time(50_000));
        assert_eq!(signal, Signal::Good { quiet_since: Time(41_000) });
    }
}
