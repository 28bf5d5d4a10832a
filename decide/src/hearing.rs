//! What the other gateways say, sorted once a step by who says it and by whom it is about.
//!
//! With 37 regions each step asks some thousand times what one region says of another; so nothing here is
//! searched for, and nothing is copied.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::decision::Input;
use crate::report::PriorityReport;
use crate::time::millis;
use crate::votes::{Cast, FRESH, Vote};

/// The reports that are not too old to count.
pub(crate) struct Hearing<'a> {
    /// By region; of a region with several members, one each.
    reports: BTreeMap<&'a str, Vec<&'a PriorityReport>>,
    /// The votes on each region, this gateway's included.
    votes: BTreeMap<&'a str, Vec<Cast<'a>>>,
    /// Regions with a gateway whose configuration of the priority is another one.
    skewed: BTreeSet<&'a str>,
}

impl<'a> Hearing<'a> {
    /// `own` are this gateway's votes, as it tells them.
    pub(crate) fn new(input: &Input<'a>, own: &'a BTreeMap<String, Vote>) -> Self {
        let mut hearing = Self { reports: BTreeMap::new(), votes: BTreeMap::new(), skewed: BTreeSet::new() };
        if input.priority.contains(input.region) {
            hearing.note_votes(input.region, own, Duration::ZERO, None);
        }
        let (digest, hold) = (input.priority.digest(), millis(input.priority.health.unreachable_hold()));
        for heard in input.heard {
            let since = input.now.since(heard.at);
            if since > FRESH {
                continue;
            }
            hearing.reports.entry(&heard.region).or_default().push(&heard.report);
            if input.priority.contains(&heard.region) {
                let skewed = heard.report.is_skewed(&digest);
                hearing.note_votes(&heard.region, &heard.report.votes, since, skewed.then_some(hold));
                if skewed {
                    hearing.skewed.insert(&heard.region);
                }
            }
        }
        hearing
    }

    fn note_votes(
        &mut self,
        voter: &'a str,
        said: &'a BTreeMap<String, Vote>,
        since: Duration,
        skewed: Option<u64>,
    ) {
        for (region, vote) in said.iter().filter(|(region, _)| *region != voter) {
            self.votes.entry(region).or_default().push(Cast { voter, vote, since, skewed });
        }
    }

    /// What the gateways of a region say.
    pub(crate) fn of(&self, region: &str) -> impl Iterator<Item = &'a PriorityReport> + '_ {
        self.reports.get(region).into_iter().flatten().copied()
    }

    /// All of them, with their regions.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'a str, &'a PriorityReport)> + '_ {
        self.reports.iter().flat_map(|(region, reports)| reports.iter().map(|report| (*region, *report)))
    }

    /// What those say of a region who vote on it.
    pub(crate) fn votes_on(&self, region: &str, voters: &[&str]) -> impl Iterator<Item = Cast<'a>> {
        let cast = self.votes.get(region).into_iter().flatten();
        cast.filter(|cast| voters.contains(&cast.voter)).copied()
    }

    /// Regions with a gateway whose configuration of the priority is another one.
    pub(crate) fn skewed(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.skewed.iter().copied()
    }
}
