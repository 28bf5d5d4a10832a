//! Whether the story came true: each milestone reached, in order, within bounds taken from the YAML.

use std::fmt;

use super::{
    milestones::{Milestone, Milestones},
    terms::Terms,
};
use crate::load::Totals;

/// How far a time may be off for reasons that are nobody's fault: looks are a quarter of a second apart, and
/// two busy cores serve three regions, their control planes and all the clients.
const LOOK: f64 = 0.5;

/// How late something prompt may be.
const LATE: f64 = 10.0;

/// Something that the story promised and the world did not keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What was promised.
    pub promised: String,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; seen: {}", self.promised, self.seen)
    }
}

/// Everything that the world did not keep; nothing if the story came true.
#[must_use]
pub fn judge(terms: &Terms, milestones: &Milestones, totals: &Totals) -> Vec<Failure> {
    let mut failures = reached(terms, milestones);
    failures.extend(ordered(terms, milestones));
    failures.extend(bounds(terms, milestones).into_iter().filter_map(Bound::failure));
    failures.extend(traffic(totals));
    failures
}

/// Only the first milestone that did not come is worth a word: those after it could not.
fn reached(terms: &Terms, milestones: &Milestones) -> Vec<Failure> {
    let missing = Milestone::ALL.into_iter().find(|milestone| milestones.at(*milestone).is_none());
    let failure = missing.map(|milestone| Failure {
        promised: milestone.words(terms),
        seen: match (milestone.on_the_way_home(), milestones.onset, milestones.healed) {
            (false, None, _) => "the fault never began".to_owned(),
            (true, _, None) => "the fault never ended".to_owned(),
            _ => "never".to_owned(),
        },
    });
    failure.into_iter().collect()
}

/// What must come before what. Not every two milestones are ordered: DNS and spill are two ways at once.
const ORDER: [(Milestone, Milestone); 11] = [
    (Milestone::Suspected, Milestone::Degraded),
    (Milestone::TtlShort, Milestone::DnsAway),
    (Milestone::Degraded, Milestone::Shifted10),
    (Milestone::Shifted10, Milestone::Shifted65),
    (Milestone::Shifted65, Milestone::Shifted100),
    (Milestone::DnsAway, Milestone::ClientsAway),
    (Milestone::Recovering, Milestone::FirstStepHome),
    (Milestone::FirstStepHome, Milestone::LastStepHome),
    (Milestone::LastStepHome, Milestone::Healthy),
    (Milestone::Recovering, Milestone::DnsHome),
    (Milestone::Recovering, Milestone::ClientsHome),
];

fn ordered(terms: &Terms, milestones: &Milestones) -> Vec<Failure> {
    let reversed = ORDER.into_iter().filter_map(|(first, then)| {
        let seconds = milestones.between(first, then)?;
        (seconds < -LOOK).then(|| Failure {
            promised: format!("{}, then {}", first.words(terms), then.words(terms)),
            seen: format!("{:.1} s the other way round", -seconds),
        })
    });
    reversed.collect()
}

/// A time and what it must lie between.
struct Bound {
    what: &'static str,
    seen: Option<f64>,
    least: f64,
    most: f64,
}

impl Bound {
    fn failure(self) -> Option<Failure> {
        let seen = self.seen.filter(|seen| !(self.least..=self.most).contains(seen))?;
        Some(Failure {
            promised: format!("{} between {:.1} and {:.1} s", self.what, self.least, self.most),
            seen: format!("{seen:.1} s"),
        })
    }
}

fn bounds(terms: &Terms, seen: &Milestones) -> [Bound; 6] {
    use Milestone::{ClientsAway, Degraded, Shifted65, Shifted100, Suspected};
    let (priority, hold) = (&terms.priority, terms.hold());
    let (window, step) = (f64::from(priority.health.window_seconds), f64::from(priority.shift.step_seconds));
    let (ttl, short) = (f64::from(priority.dns.ttl_seconds), f64::from(priority.dns.suspect_ttl_seconds));
    let slowest_client = hold.max(ttl) + short;
    [
        Bound { what: "onset to Suspected", seen: seen.since_onset(Suspected), least: 0.0, most: window },
        Bound {
            what: "onset to Degraded",
            seen: seen.since_onset(Degraded),
            least: hold - LOOK,
            most: hold + LATE,
        },
        Bound {
            what: "Degraded to 65 %",
            seen: seen.between(Degraded, Shifted65),
            least: step - LOOK,
            most: 3.0 * step + LATE / 2.0,
        },
        Bound {
            what: "Degraded to 100 %",
            seen: seen.between(Degraded, Shifted100),
            least: 2.0 * step - LOOK,
            most: 4.0 * step + LATE / 2.0,
        },
        Bound {
            what: "onset to the last client",
            seen: seen.since_onset(ClientsAway),
            least: hold - LOOK,
            most: slowest_client + LATE + LATE,
        },
        Bound {
            what: "end of the fault to home",
            seen: seen.home_seconds(),
            least: terms.way_home() - LOOK,
            most: terms.way_home() + window + f64::from(priority.recovery.step_seconds) + ttl + 2.0 * LATE,
        },
    ]
}

fn traffic(totals: &Totals) -> Vec<Failure> {
    let elsewhere = totals.redirects - totals.locations_public.min(totals.redirects);
    let mut failures = vec![];
    let mut promise = |kept: bool, promised: &str, seen: String| {
        if !kept {
            failures.push(Failure { promised: promised.to_owned(), seen });
        }
    };
    promise(totals.done > 0, "requests are answered", "none".to_owned());
    promise(totals.lost == 0, "no request is lost", format!("{} of {}", totals.lost, totals.done));
    promise(totals.wrong == 0, "no answer is wrong", format!("{} of {}", totals.wrong, totals.done));
    promise(totals.redirects > 0, "some answers are redirects", "none".to_owned());
    promise(elsewhere == 0, "every Location names the public host", format!("{elsewhere} do not"));
    failures
}

#[cfg(test)]
mod tests {
    use super::{super::invented, *};

    fn told(change: impl Fn(&mut Vec<super::super::frame::Frame>)) -> Vec<String> {
        let (terms, mut frames) = (invented::terms(), invented::story());
        change(&mut frames);
        let milestones = invented::milestones(&frames, &terms);
        let totals = frames.last().unwrap().totals;
        judge(&terms, &milestones, &totals).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_story_as_it_should_be_came_true() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_broken_promise_is_told() {
        type Change = fn(&mut Vec<super::super::frame::Frame>);
        let cases: [(&str, Change); 7] = [
            ("shenzhen is degraded; seen: never", |frames| frames.retain(|it| it.at < 39.0 || it.at > 70.0)),
            ("all of shenzhen's arrivals spill over; seen: never", |frames| {
                for frame in frames {
                    let kept =
                        frame.gateways.get_mut("shenzhen").unwrap().shares.get_mut("shenzhen").unwrap();
                    *kept = (*kept).max(5);
                }
            }),
            ("the last client is back at shenzhen; seen: never", |frames| frames.retain(|it| it.at < 215.0)),
            ("onset to Degraded between 29.5 and 40.0 s; seen: 27", |frames| {
                invented::squeeze(frames, 20.0, 25.0);
            }),
            ("no request is lost; seen: 3 of", |frames| frames.last_mut().unwrap().totals.lost = 3),
            ("no answer is wrong; seen: 1 of", |frames| frames.last_mut().unwrap().totals.wrong = 1),
            ("every Location names the public host; seen: 2 do not", |frames| {
                frames.last_mut().unwrap().totals.locations_public -= 2;
            }),
        ];
        for (expected, change) in cases {
            let failures = told(change);
            assert!(
                failures.iter().any(|it| it.starts_with(expected)),
                "{expected:?} is not among {failures:#?}"
            );
        }
    }

    #[test]
    fn a_story_without_traffic_is_none() {
        let failures = judge(&invented::terms(), &Milestones::default(), &Totals::default());
        let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures[0], "shenzhen is suspected; seen: the fault never began");
        assert!(failures.contains(&"requests are answered; seen: none".to_owned()), "{failures:?}");
    }
}
