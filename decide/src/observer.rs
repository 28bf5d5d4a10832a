//! What an observer makes of itself: who sees half of everything bad is more likely to be the one with the bad
//! link, and does not vote.
//!
//! It must not go on for ever: a dead region must be given up in the end, with a broken witness too, and when two
//! die at once. So regions that are silent for twice the hold are voted bad all the same, for a quorum of others must
//! agree. Only who reaches neither a region nor a witness, of those that there are, goes on abstaining.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::priority::Health;
use crate::votes::{Opinion, Vote};

/// The witnesses of a priority, as asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witnesses {
    /// How many were asked.
    pub asked: u32,
    /// How many of them answered.
    pub answered: u32,
}

impl Witnesses {
    /// Whether any answers; `None` when there are none.
    #[must_use]
    pub const fn any(self) -> Option<bool> {
        if self.asked == 0 { None } else { Some(self.answered > 0) }
    }
}

/// The votes as they are told: those that speak of trouble abstain when the trouble is more likely our own.
/// `given_up` are regions that a quorum has given up before: that they are silent says nothing of us.
#[must_use]
pub fn honest(
    votes: &BTreeMap<String, Vote>,
    given_up: &BTreeSet<&str>,
    witnesses: Witnesses,
    health: &Health,
) -> BTreeMap<String, Vote> {
    let telling = votes
        .iter()
        .filter(|(region, vote)| vote.opinion != Opinion::Abstain && !given_up.contains(region.as_str()));
    let (mut all, mut bad) = (witnesses.asked, witnesses.asked.saturating_sub(witnesses.answered));
    for (_, vote) in telling {
        all += 1;
        bad += u32::from(is_trouble(vote));
    }
    if !is_suspect(all, bad) {
        return votes.clone();
    }
    let patience = 2 * health.unreachable_hold();
    let company = witnesses.any() != Some(false) || votes.values().any(|vote| vote.opinion == Opinion::Good);
    let told = |(region, vote): (&String, &Vote)| {
        let lasting = company && Duration::from_millis(vote.silent_milliseconds) >= patience;
        let known = given_up.contains(region.as_str());
        let abstains = is_trouble(vote) && !lasting && !known;
        (region.clone(), if abstains { abstain(vote, all, bad) } else { vote.clone() })
    };
    votes.iter().map(told).collect()
}

const fn is_trouble(vote: &Vote) -> bool {
    matches!(vote.opinion, Opinion::Bad | Opinion::Suspect)
}

/// At least half of three things or more. Of two, both: with three regions one that dies is half of what the
/// others see. One alone is for its witness to tell.
const fn is_suspect(all: u32, bad: u32) -> bool {
    match all {
        0 | 1 => false,
        2 => bad == 2,
        _ => 2 * bad >= all,
    }
}

fn abstain(vote: &Vote, all: u32, bad: u32) -> Vote {
    Vote {
        opinion: Opinion::Abstain,
        reason: format!(
            "{}; but so are {bad} of {all} that this gateway watches: it suspects itself",
            vote.reason
        ),
        unreached: true,
        ..vote.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(bad: usize, good: usize, silent: u64) -> BTreeMap<String, Vote> {
        let bad = (0..bad).map(|nth| (format!("bad-{nth}"), Opinion::Bad));
        let good = (0..good).map(|nth| (format!("good-{nth}"), Opinion::Good));
        let vote = |(region, opinion)| {
            let silent_milliseconds = if opinion == Opinion::Bad { silent } else { 0 };
            (region, Vote { opinion, silent_milliseconds, ..Vote::default() })
        };
        bad.chain(good).map(vote).collect()
    }

    fn abstains(votes: &BTreeMap<String, Vote>, asked: u32, answered: u32) -> bool {
        let told = honest(votes, &BTreeSet::new(), Witnesses { asked, answered }, &Health::default());
        let abstaining = told.values().filter(|vote| vote.opinion == Opinion::Abstain).count();
        assert!(abstaining == 0 || told.values().all(|vote| vote.opinion != Opinion::Bad), "{told:?}");
        abstaining > 0
    }

    #[test]
    fn who_sees_half_of_everything_bad_suspects_itself() {
        for (bad, good, expected) in [
            (1, 0, false),
            (1, 1, false),
            (2, 0, true),
            (1, 2, false),
            (2, 1, true),
            (1, 3, false),
            (2, 2, true),
            (3, 4, false),
            (18, 18, true),
            (17, 19, false),
        ] {
            assert_eq!(abstains(&votes(bad, good, 5_000), 0, 0), expected, "{bad} bad, {good} good");
        }
    }

    #[test]
    fn witnesses_count_and_tell() {
        assert!(!abstains(&votes(2, 1, 5_000), 2, 2), "2 of 5");
        assert!(abstains(&votes(1, 1, 5_000), 1, 0), "2 of 3");
        assert!(abstains(&votes(2, 0, 60_000), 1, 0), "cut off as long as it lasts");
    }

    #[test]
    fn without_a_witness_lasting_silence_is_voted_bad() {
        assert!(abstains(&votes(2, 1, 9_999), 0, 0));
        assert!(!abstains(&votes(2, 1, 10_000), 0, 0));
    }

    #[test]
    fn a_broken_witness_keeps_no_dead_region_alive() {
        // Dead and living regions, witnesses asked and answering: whether the dead are given up in the end.
        for (dead, living, asked, answered, expected) in [
            (1, 1, 1, 0, true),
            (1, 1, 2, 1, true),
            (2, 1, 1, 1, true),
            (2, 1, 1, 0, true),
            (2, 0, 1, 1, true),
            (2, 0, 1, 0, false),
        ] {
            let case = format!("{dead} dead, {living} living, {answered} of {asked} witnesses");
            assert_eq!(!abstains(&votes(dead, living, 10_000), asked, answered), expected, "{case}");
        }
    }

    #[test]
    fn who_was_given_up_before_says_nothing_of_us() {
        let votes = votes(2, 1, 5_000);
        let told = honest(&votes, &BTreeSet::from(["bad-0"]), Witnesses::default(), &Health::default());
        assert_eq!(told, votes);
    }

    #[test]
    fn an_abstaining_vote_says_why_and_what_it_does_not_reach() {
        let told = honest(&votes(2, 0, 5_000), &BTreeSet::new(), Witnesses::default(), &Health::default());
        let vote = &told["bad-0"];
        assert!(
            vote.unreached && vote.reason.ends_with("2 of 2 that this gateway watches: it suspects itself")
        );
    }
}
