//! What all gateways say at one moment, and what of it is different from the moment before. Pure.

use std::collections::BTreeMap;

use spillway_decide::Verdict;
use spillway_decide::report::{PriorityView, RegionView, Report};

/// Reports by member; who did not answer is missing.
#[derive(Clone, Default)]
pub(super) struct Look(pub(super) BTreeMap<String, Report>);

/// What a game day is about.
pub(super) struct About {
    pub(super) region: String,
    pub(super) priorities: Vec<String>,
}

impl Look {
    /// Of gateways of the region itself.
    pub(super) fn own<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Report> {
        self.0.values().filter(move |report| report.region == region)
    }

    fn views<'a>(
        &'a self,
        about: &'a About,
    ) -> impl Iterator<Item = (&'a Report, &'a str, &'a PriorityView)> {
        self.0.values().flat_map(move |report| {
            let of =
                move |name: &'a String| Some((report, name.as_str(), &report.priorities.get(name)?.view));
            about.priorities.iter().filter_map(of)
        })
    }

    /// What is played, in words; empty when nothing is, and none when no gateway of the region answers.
    pub(super) fn playing<'a>(&'a self, region: &'a str) -> Option<&'a str> {
        let words = self.own(region).map(|report| report.about.as_ref().map_or("", |it| it.gameday.as_str()));
        words.max_by_key(|words| words.len())
    }

    /// Somebody holds the region to be Degraded.
    pub(super) fn is_degraded(&self, about: &About) -> bool {
        self.verdicts(about).any(|verdict| verdict == Verdict::Degraded)
    }

    /// Everybody who answers holds it to be Healthy, its arrivals are where they were and DNS answers as it did.
    pub(super) fn is_as(&self, before: &Self, about: &About) -> bool {
        let same = |(report, name, view): (&Report, &str, &PriorityView)| {
            let earlier = before.0.get(&report.member).and_then(|report| report.priorities.get(name));
            earlier.is_none_or(|it| it.view.shares == view.shares && region_of(&it.view) == region_of(view))
        };
        let well = self.verdicts(about).all(|verdict| verdict == Verdict::Healthy);
        well && !self.0.is_empty() && self.views(about).all(same)
    }

    /// The region's own gateways send all its arrivals away.
    pub(super) fn is_left(&self, about: &About) -> bool {
        let own = || self.views(about).filter(|(report, ..)| report.region == about.region);
        let gone = |view: &PriorityView| view.shares.get(&about.region).is_none_or(|percent| *percent == 0);
        own().next().is_some() && own().all(|(_, _, view)| gone(view))
    }

    /// No gateway's DNS answers with the region.
    pub(super) fn is_out_of_dns(&self, about: &About) -> bool {
        let mut answers = self.views(about).filter_map(|(_, _, view)| view.answer.as_ref()).peekable();
        answers.peek().is_some() && answers.all(|answer| answer.region != about.region)
    }

    /// Requests in the region's own windows.
    pub(super) fn requests(&self, about: &About) -> Option<u64> {
        let own = self.views(about).filter(|(report, ..)| report.region == about.region);
        let requests = |view: &PriorityView| Some(view.regions.get(&about.region)?.sli.as_ref()?.requests);
        let all: Option<Vec<u64>> = own.map(|(_, _, view)| requests(view)).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.into_iter().sum())
    }

    fn verdicts<'a>(&'a self, about: &'a About) -> impl Iterator<Item = Verdict> + 'a {
        self.views(about).filter_map(|(_, _, view)| view.regions.get(&about.region)).map(|seen| seen.verdict)
    }
}

/// One line for each difference: who says it, and what.
pub(super) fn changes(before: &Look, now: &Look, about: &About) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for (report, name, view) in now.views(about) {
        let earlier = before.0.get(&report.member).and_then(|report| report.priorities.get(name));
        let Some(earlier) = earlier.map(|earlier| &earlier.view) else { continue };
        let mut tell = |what: String| told.push((report.member.clone(), format!("{name}: {what}")));
        for (region, seen) in &view.regions {
            let before = earlier.regions.get(region);
            if let Some(what) = verdict(&report.region, &about.region, (region.as_str(), seen), before) {
                tell(what);
            }
        }
        if view.shares != earlier.shares {
            tell(format!("arrivals go to {}: {}", shares(&view.shares), view.shares_reason));
        }
        let (answer, former) = (region_of(view), region_of(earlier));
        if answer != former {
            tell(format!("DNS answers {answer}, not {former} any more"));
        }
    }
    told
}

/// Of each region its own gateways tell, and of the one that plays ill all do: when it is dead it cannot tell itself.
fn verdict(
    teller: &str,
    ill: &str,
    (region, seen): (&str, &RegionView),
    earlier: Option<&RegionView>,
) -> Option<String> {
    let before = earlier?.verdict;
    let tells = teller == region || region == ill;
    (tells && before != seen.verdict)
        .then(|| format!("{region} {before} -> {}: {}", seen.verdict, seen.reason))
}

fn region_of(view: &PriorityView) -> &str {
    view.answer.as_ref().map_or("nothing", |answer| answer.region.as_str())
}

fn shares(shares: &BTreeMap<String, u32>) -> String {
    let each: Vec<String> = shares.iter().map(|(region, percent)| format!("{region} {percent} %")).collect();
    each.join(", ")
}
