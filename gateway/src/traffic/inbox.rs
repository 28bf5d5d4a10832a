//! The latest report of each peer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use spillway_decide::report::{PriorityReport, PriorityView, Report, RouteReport};
use spillway_decide::votes::Opinion;
use spillway_decide::{Heard, Time, Verdict};

/// So many gateways of one member are told apart, those that were exchanged included.
const LIVES: usize = 8;

/// Reports by member. As many as there are members: reports of strangers do not get here.
#[derive(Default)]
pub(super) struct Inbox {
    of_member: BTreeMap<String, Received>,
}

struct Received {
    at: Time,
    /// The writers' latest lives, and the number of the latest report of each: a member may have several gateways.
    lives: Vec<(u64, u64)>,
    region: String,
    priorities: HashMap<String, Arc<PriorityReport>>,
}

impl Inbox {
    /// Takes a report; says whether it tells something new, so that there is reason to decide at once. One that was
    /// overtaken by a later one is dropped: an answer to our question and what the peer tells us unasked go
    /// different ways, and a verdict must not be taken back by what was said before it.
    pub(super) fn put(&mut self, at: Time, report: Report) -> bool {
        let known = self.of_member.get(&report.member);
        let mut lives = known.map(|received| received.lives.clone()).unwrap_or_default();
        if lives.iter().any(|latest| report.is_older_than(*latest)) {
            return false;
        }
        lives.retain(|(life, _)| *life != report.life);
        lives.push((report.life, report.number));
        lives.drain(..lives.len().saturating_sub(LIVES));
        let news = report.priorities.iter().any(|(name, new)| {
            let old = known.and_then(|received| received.priorities.get(name));
            old.is_none_or(|old| gist(old) != gist(new))
        });
        let slim = |(name, report): (String, PriorityReport)| {
            (name, Arc::new(PriorityReport { view: PriorityView::default(), ..report }))
        };
        let priorities = report.priorities.into_iter().map(slim).collect();
        self.of_member.insert(report.member, Received { at, lives, region: report.region, priorities });
        news
    }

    /// Forgets members that are no peers any more.
    pub(super) fn retain(&mut self, is_peer: impl Fn(&str) -> bool) {
        self.of_member.retain(|member, _| is_peer(member));
    }

    /// What all say about one priority.
    pub(super) fn about(&self, priority: &str) -> Vec<Heard> {
        let heard = |received: &Received| {
            let report = Arc::clone(received.priorities.get(priority)?);
            Some(Heard { at: received.at, region: received.region.clone(), report })
        };
        self.of_member.values().filter_map(heard).collect()
    }
}

/// The part of a report that others should know at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gist {
    verdict: Verdict,
    home_percent: u32,
    draining: bool,
    asking: bool,
    votes: Vec<(String, Opinion)>,
    granting: Vec<(String, bool)>,
    /// The routes that move; what is only suspected waits for the next second.
    routes: Vec<(String, Verdict, u32, bool)>,
}

/// What is urgent in a report.
pub(super) fn gist(report: &PriorityReport) -> Gist {
    Gist {
        verdict: report.verdict,
        home_percent: report.home_percent,
        draining: report.draining,
        asking: report.asking,
        votes: report.votes.iter().map(|(region, vote)| (region.clone(), vote.opinion)).collect(),
        granting: report.grants.iter().map(|(region, grant)| (region.clone(), *grant > 0)).collect(),
        routes: report.routes.iter().flat_map(|told| &told.exceptions).filter_map(moving).collect(),
    }
}

fn moving((route, told): (&String, &RouteReport)) -> Option<(String, Verdict, u32, bool)> {
    let moves = told.verdict >= Verdict::Recovering;
    moves.then(|| (route.clone(), told.verdict, told.home_percent, told.draining))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(member: &str, verdict: Verdict) -> Report {
        let about = PriorityReport { verdict, reason: "because".to_owned(), ..PriorityReport::default() };
        Report {
            region: "chengdu".to_owned(),
            member: member.to_owned(),
            priorities: [("p".to_owned(), about)].into(),
            ..Report::default()
        }
    }

    #[test]
    fn a_verdict_is_news_and_a_repetition_is_not() {
        let mut inbox = Inbox::default();
        assert!(inbox.put(Time(1), report("m", Verdict::Healthy)));
        assert!(!inbox.put(Time(2), report("m", Verdict::Healthy)));
        assert!(inbox.put(Time(3), report("m", Verdict::Degraded)));
        let heard = inbox.about("p");
        assert_eq!((heard.len(), heard[0].at, heard[0].report.verdict), (1, Time(3), Verdict::Degraded));
        assert!(inbox.about("other").is_empty());
        inbox.retain(|member| member != "m");
        assert!(inbox.about("p").is_empty());
    }

    #[test]
    fn what_was_overtaken_is_no_news() {
        let mut inbox = Inbox::default();
        let (ill, well) = (Verdict::Degraded, Verdict::Healthy);
        for (nth, (life, number, told, held, why)) in (1..).zip([
            (7, 3, ill, ill, "the first"),
            (7, 2, well, ill, "told before, and overtaken"),
            (8, 0, well, well, "started anew, or a second gateway"),
            (7, 2, ill, well, "of the first one, and overtaken all the same"),
            (0, 0, ill, ill, "of a version without numbers"),
            (0, 0, well, well, "of a version without numbers"),
        ]) {
            let news = inbox.put(Time(nth), Report { life, number, ..report("m", told) });
            assert_eq!((news, inbox.about("p")[0].report.verdict), (told == held, held), "{why}");
        }
    }
}
