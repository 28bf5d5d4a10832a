//! Whether gateways answer from here, reach each other in both directions, and agree on the time.

use std::collections::BTreeSet;

use spillway_decide::commands::MAX_SKEW;
use spillway_decide::report::Contact;
use spillway_decide::votes::Opinion;

use super::facts::{Asked, Seen, Told};
use super::finding::{Finding, Then};
use super::versions::same;

/// Gateways speak each second; this long a silence is more than one lost exchange.
const SILENT_MILLISECONDS: u64 = 5000;
/// More is seen in logs and `since`, though nothing breaks yet.
const VISIBLE_SKEW_MILLISECONDS: u64 = 5000;

pub(super) fn answers(gateways: &Seen<Vec<Asked>>) -> Vec<Finding> {
    let gateways = match gateways {
        Ok(gateways) => gateways,
        Err(error) => return vec![Finding::skipped("gateways answer", error)],
    };
    gateways.iter().flat_map(answer).collect()
}

fn answer(gateway: &Asked) -> Vec<Finding> {
    let Asked { member, region, address, told } = gateway;
    let check = format!("the gateway of {member} in {region} answers at {address}");
    let told = match told {
        Ok(told) => told,
        // From here is not from there: the links below tell how the others find it.
        Err(error) => {
            let then = Then("see that it runs, and that its spill port is open to this machine", "gateways");
            return vec![Finding::warning(check, error, then)];
        }
    };
    let about = told.report.about.as_ref();
    let version = about.map_or("an older one that does not tell", |about| about.software.as_str());
    vec![Finding::ok(check), same(&format!("the gateway of {member}"), version)]
}

/// A line for each direction of each link.
pub(super) fn links(gateways: &[Asked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (gateway, told) in told(gateways) {
        let Some(about) = &told.report.about else { continue };
        for (member, contact) in &about.links {
            findings.push(asks(&gateway.member, member, contact));
            // Whoever tells of himself is believed about that direction.
            if !gateways.iter().any(|other| other.member == *member && other.told.is_ok()) {
                findings.push(is_asked(&gateway.member, member, contact));
            }
        }
    }
    findings.extend(doors(gateways));
    findings
}

fn told(gateways: &[Asked]) -> impl Iterator<Item = (&Asked, &Told)> {
    gateways.iter().filter_map(|gateway| Some((gateway, gateway.told.as_ref().ok()?)))
}

fn asks(from: &str, to: &str, contact: &Contact) -> Finding {
    let check = format!("{from} reaches {to}'s spill listener");
    let found = match (contact.answered_milliseconds, contact.failure.as_str()) {
        (Some(age), _) if age <= SILENT_MILLISECONDS => return Finding::ok(check),
        (Some(age), failure) => format!("no answer for {} s: {failure}", age / 1000),
        (None, "") => "it has not asked yet".to_owned(),
        (None, failure) => format!("never: {failure}"),
    };
    Finding::failed(check, found, Then("open the spill port between the two, and see that both run", "links"))
}

fn is_asked(at: &str, from: &str, contact: &Contact) -> Finding {
    let check = format!("{from} reaches {at}'s spill listener, says {at}");
    let found = match contact.asked_milliseconds {
        Some(age) if age <= SILENT_MILLISECONDS => return Finding::ok(check),
        Some(age) => format!("it has not asked for {} s", age / 1000),
        None => "it has never asked".to_owned(),
    };
    Finding::failed(check, found, Then("open the spill port between the two, and see that both run", "links"))
}

/// Front doors, as other regions' probes find them: each finding once, by whom ever it is told.
fn doors(gateways: &[Asked]) -> Vec<Finding> {
    let mut bad = BTreeSet::new();
    let mut voters = BTreeSet::new();
    for (gateway, told) in told(gateways) {
        for vote in told.report.priorities.values().flat_map(|priority| &priority.votes) {
            let (region, vote) = vote;
            voters.insert((gateway.region.clone(), region.clone()));
            if vote.unreached || matches!(vote.opinion, Opinion::Bad | Opinion::Suspect) {
                bad.insert((gateway.region.clone(), region.clone(), vote.reason.clone()));
            }
        }
    }
    let then = Then(
        "open the front door's port to the other gateways; they probe /.well-known/spillway/healthz",
        "links",
    );
    let is_bad = |from: &str, to: &str| bad.iter().find(|(a, b, _)| (a.as_str(), b.as_str()) == (from, to));
    voters
        .iter()
        .map(|(from, to)| {
            let check = format!("{from} reaches {to}'s front door");
            match is_bad(from, to) {
                Some((_, _, reason)) => Finding::failed(check, reason, then),
                None => Finding::ok(check),
            }
        })
        .collect()
}

/// Their clocks against each other, and against ours.
pub(super) fn clocks(gateways: &[Asked]) -> Vec<Finding> {
    let offsets: Vec<(&str, i64, u64)> = told(gateways).filter_map(offset).collect();
    let (Some(ahead), Some(behind)) =
        (offsets.iter().max_by_key(|it| it.1), offsets.iter().min_by_key(|it| it.1))
    else {
        return Vec::new();
    };
    let check = format!("clocks differ by less than {} s", VISIBLE_SKEW_MILLISECONDS / 1000);
    // What the way there and back may account for is nobody's fault.
    let apart = ahead.1.abs_diff(behind.1).saturating_sub(ahead.2 + behind.2);
    let ours = offsets.iter().map(|it| it.1.unsigned_abs().saturating_sub(it.2)).max().unwrap_or_default();
    let between = format!("{} is {:.1} s ahead of {}", ahead.0, seconds(apart), behind.0);
    let mine = format!("this machine is {:.1} s off", seconds(ours));
    [("gateways'", apart, between), ("this machine's and the gateways'", ours, mine)]
        .map(|(whose, apart, found)| skew(format!("{whose} {check}"), apart, found))
        .into()
}

/// By how many milliseconds it is ahead of us, and how far that may be wrong.
fn offset<'a>((gateway, told): (&'a Asked, &'a Told)) -> Option<(&'a str, i64, u64)> {
    let now = i64::try_from(told.report.about.as_ref()?.now.0).ok()?;
    let (asked, answered) = (told.asked.as_millisecond(), told.answered.as_millisecond());
    let half = (answered - asked) / 2;
    Some((&gateway.member, now - asked - half, half.unsigned_abs()))
}

fn skew(check: String, apart: u64, found: String) -> Finding {
    let then = Then("let NTP set the clocks: certificates and commands are dated by them", "clocks");
    if u128::from(apart) >= MAX_SKEW.as_millis() {
        Finding::failed(check, found, then)
    } else if apart >= VISIBLE_SKEW_MILLISECONDS {
        Finding::warning(check, found, then)
    } else {
        Finding::ok(check)
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use spillway_decide::Time;
    use spillway_decide::report::{About, PriorityReport, Report};
    use spillway_decide::votes::Vote;

    use super::super::finding::Outcome;
    use super::super::versions::OURS;
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn told(member: &str, ahead: i64, links: &[(&str, Contact)]) -> Asked {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let links = links.iter().map(|(member, contact)| ((*member).to_owned(), contact.clone())).collect();
        let now = Time(u64::try_from(NOW + 50 + ahead).unwrap());
        let about = Some(About { software: OURS.into(), now, links, ..About::default() });
        let report = Report { about, ..Report::default() };
        let told = Told { report, asked: at(NOW), answered: at(NOW + 100), expires: None };
        Asked { member: member.into(), region: format!("r-{member}"), address: "a:1".into(), told: Ok(told) }
    }

    fn silent(member: &str) -> Asked {
        Asked { told: Err("refused".into()), ..told(member, 0, &[]) }
    }

    fn contact(answered: Option<u64>, asked: Option<u64>) -> Contact {
        let failure = if answered.is_none() { "timed out" } else { "" };
        Contact {
            region: "r".into(),
            answered_milliseconds: answered,
            failure: failure.into(),
            asked_milliseconds: asked,
        }
    }

    #[test]
    fn both_directions_of_a_link_are_told_once() {
        let well = contact(Some(300), Some(400));
        let both = [told("a", 0, &[("b", well.clone())]), told("b", 0, &[("a", contact(None, Some(400)))])];
        let found = links(&both);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].outcome, found[1].outcome), (Outcome::Ok, Outcome::Failed));
        assert_eq!(found[1].found.as_deref(), Some("never: timed out"));
        let half = [told("a", 0, &[("b", contact(Some(300), Some(60_000)))]), silent("b")];
        let found = links(&half);
        assert_eq!(found[1].found.as_deref(), Some("it has not asked for 60 s"), "{found:?}");
    }

    #[test]
    fn front_doors_are_told_by_votes() {
        let mut gateway = told("a", 0, &[]);
        let vote = |opinion| Vote { opinion, reason: "connection refused".into(), ..Vote::default() };
        let votes = [("b".to_owned(), vote(Opinion::Good)), ("c".to_owned(), vote(Opinion::Bad))].into();
        let about = PriorityReport { votes, ..PriorityReport::default() };
        gateway.told.as_mut().unwrap().report.priorities = [("p".to_owned(), about)].into();
        let found = links(&[gateway]);
        assert_eq!((found[0].outcome, found[1].outcome), (Outcome::Ok, Outcome::Failed), "{found:?}");
        assert_eq!(found[1].check, "r-a reaches c's front door");
    }

    #[test]
    fn clocks_are_compared_beyond_what_the_way_accounts_for() {
        for (ahead, outcomes) in [
            (4000, [Outcome::Ok, Outcome::Ok]),
            (8000, [Outcome::Warning, Outcome::Warning]),
            (-301_000, [Outcome::Failed, Outcome::Failed]),
        ] {
            let found = clocks(&[told("a", 0, &[]), told("b", ahead, &[])]);
            assert_eq!(found.iter().map(|it| it.outcome).collect::<Vec<_>>(), outcomes, "{found:?}");
        }
        let found = clocks(&[told("a", 60_000, &[]), told("b", 60_000, &[])]);
        assert_eq!((found[0].outcome, found[1].outcome), (Outcome::Ok, Outcome::Warning));
        assert!(clocks(&[silent("a")]).is_empty());
    }

    #[test]
    fn a_gateway_that_does_not_answer_here_may_still_be_well() {
        let found = answers(&Ok(vec![told("a", 0, &[]), silent("b")]));
        let outcomes: Vec<Outcome> = found.iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::Ok, Outcome::Ok, Outcome::Warning], "{found:?}");
        let mut older = told("a", 0, &[]);
        older.told.as_mut().unwrap().report.about = None;
        assert_eq!(answers(&Ok(vec![older]))[1].outcome, Outcome::Warning);
    }
}
