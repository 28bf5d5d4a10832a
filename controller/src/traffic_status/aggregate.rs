//! From the gateways' reports to the status of a priority. Pure: reports in, status out.
//!
//! A region's verdict is what most gateways see, the worse one when they are divided. Where a region's arrivals
//! go, and its figures, only its own gateways know.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use spillway_crds::{
    RegionPriority, RegionPriorityStatus,
    region_priority::{Mode, RegionStatus, RouteStatus, SliStatus, SpillTarget, Verdict as Shown},
};
use spillway_decide::{
    Verdict,
    report::{PriorityReport, PriorityView, RegionView, Report, RouteView},
    sli::Sli,
};

use crate::{
    board::shown,
    conditions::{Conditions, Is},
};

/// As many as a gateway shows; what a newer one may show more is left out.
const MAX_ROUTES: usize = 16;

/// One gateway's word on the priority in question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'a> {
    region: &'a str,
    view: &'a PriorityView,
}

impl<'a> Heard<'a> {
    /// What the reports say of a priority.
    pub(crate) fn of(priority: &str, reports: &'a [Arc<Report>]) -> Vec<Self> {
        let heard = |report: &'a Arc<Report>| {
            let PriorityReport { view, .. } = report.priorities.get(priority)?;
            Some(Self { region: &report.region, view })
        };
        reports.iter().filter_map(heard).collect()
    }
}

/// The status of a priority, after `before`.
pub(crate) fn status(
    priority: &RegionPriority,
    before: &RegionPriorityStatus,
    heard: &[Heard<'_>],
    now: Timestamp,
) -> RegionPriorityStatus {
    let regions = priority.spec.regions.iter().map(|region| {
        let old = before.regions.iter().find(|old| old.name == region.name);
        row(&region.name, old, heard, now)
    });
    let regions: Vec<_> = regions.collect();
    let generation = priority.metadata.generation;
    let conditions = conditions(&before.conditions, generation, &regions, heard, now);
    let active = active(priority, heard);
    let kept = before.active_since.clone().filter(|_| active == before.active);
    let active_since = active.as_ref().map(|_| kept.unwrap_or(Time(now)));
    RegionPriorityStatus { observed_generation: generation, conditions, active, active_since, regions }
}

/// Where most gateways' DNS sends people; of as many, the region that comes first. Nobody where each region
/// serves its own.
fn active(priority: &RegionPriority, heard: &[Heard<'_>]) -> Option<String> {
    let answered = |name: &str| {
        let answers = heard.iter().filter_map(|heard| heard.view.answer.as_ref());
        answers.filter(|answer| answer.region == name).count()
    };
    let counted = priority.spec.regions.iter().rev().map(|region| (answered(&region.name), &region.name));
    let (count, name) = counted.max_by_key(|(count, _)| *count)?;
    (count > 0 && priority.spec.mode == Mode::Ordered).then(|| name.clone())
}

/// Whether the difference is worth a write at once: not just figures and words.
pub(crate) fn is_significant(before: &RegionPriorityStatus, new: &RegionPriorityStatus) -> bool {
    let row = |row: &RegionStatus| {
        let route = |route: &RouteStatus| (route.route.clone(), route.verdict);
        let routes: Vec<_> = row.routes.iter().map(route).collect();
        let figures = (row.votes_bad, row.voters, row.spill_to.clone(), row.share_percent);
        (row.name.clone(), row.verdict, row.command.clone(), figures, routes)
    };
    let condition =
        |condition: &Condition| (condition.type_.clone(), condition.status.clone(), condition.reason.clone());
    let rows = |status: &RegionPriorityStatus| status.regions.iter().map(row).collect::<Vec<_>>();
    let conditions =
        |status: &RegionPriorityStatus| status.conditions.iter().map(condition).collect::<Vec<_>>();
    before.observed_generation != new.observed_generation
        || before.active != new.active
        || rows(before) != rows(new)
        || conditions(before) != conditions(new)
}

fn row(name: &str, old: Option<&RegionStatus>, heard: &[Heard<'_>], now: Timestamp) -> RegionStatus {
    let views: Vec<_> = heard.iter().filter_map(|heard| heard.view.regions.get(name)).collect();
    let own = heard.iter().find(|heard| heard.region == name);
    let Some(view) = prevailing(&views) else {
        let since = old.filter(|old| old.verdict == Shown::Unknown).and_then(|old| old.since.clone());
        return RegionStatus {
            name: name.into(),
            verdict: Shown::Unknown,
            reason: "no gateway reports to the hub".into(),
            since: Some(since.unwrap_or(Time(now))),
            ..RegionStatus::default()
        };
    };
    let verdict = shown(view.verdict);
    let kept = old.filter(|old| old.verdict == verdict).and_then(|old| old.since.clone());
    let since = kept.or_else(|| Some(Time(view.since.parse().unwrap_or(now))));
    let shares = own.map(|own| &own.view.shares).filter(|shares| !shares.is_empty());
    let spill_to = shares.into_iter().flatten().filter(|(region, percent)| *region != name && **percent > 0);
    RegionStatus {
        name: name.into(),
        verdict,
        reason: view.reason.clone(),
        command: views.iter().map(|view| &view.command).max().cloned().unwrap_or_default(),
        since,
        votes_bad: view.votes_bad,
        voters: view.voters,
        voted_by: view.voted_by.clone(),
        spill_to: spill_to
            .map(|(region, percent)| SpillTarget { region: region.clone(), percent: *percent })
            .collect(),
        share_percent: shares.map(|shares| shares.get(name).copied().unwrap_or_default()),
        sli: own.and_then(|own| own.view.regions.get(name)?.sli.as_ref()).map(figures),
        routes: own.into_iter().flat_map(|own| &own.view.routes).take(MAX_ROUTES).map(exception).collect(),
    }
}

fn exception(route: &RouteView) -> RouteStatus {
    RouteStatus {
        route: route.route.clone(),
        verdict: shown(route.verdict),
        reason: route.reason.clone(),
        since: route.since.parse().ok().map(Time),
    }
}

fn prevailing<'a>(views: &[&'a RegionView]) -> Option<&'a RegionView> {
    let mut count: BTreeMap<Verdict, usize> = BTreeMap::new();
    for view in views {
        *count.entry(view.verdict).or_default() += 1;
    }
    let verdict = count.into_iter().max_by_key(|(verdict, count)| (*count, *verdict))?.0;
    views.iter().filter(|view| view.verdict == verdict).min_by_key(|view| &view.since).copied()
}

fn figures(sli: &Sli) -> SliStatus {
    SliStatus {
        requests: sli.requests,
        error_percent: sli.error_percent.into(),
        latency_p95_milliseconds: sli.latency_p95_milliseconds,
        probes: sli.probes,
        availability_percent: sli.availability_percent.into(),
    }
}

fn conditions(
    before: &[Condition],
    generation: Option<i64>,
    regions: &[RegionStatus],
    heard: &[Heard<'_>],
    now: Timestamp,
) -> Vec<Condition> {
    let mut conditions = Conditions::new(before, generation, now);
    let silent: Vec<_> = regions
        .iter()
        .map(|row| row.name.as_str())
        .filter(|name| !heard.iter().any(|h| h.region == *name))
        .collect();
    if silent.is_empty() {
        conditions.set("Reported", Is::True, "AllRegions", "the gateways of every region report to the hub");
    } else {
        let message = format!("no gateway reports to the hub from: {}", silent.join(", "));
        conditions.set("Reported", Is::False, "RegionsSilent", message);
    }
    let known: Vec<_> = regions.iter().filter(|row| row.verdict != Shown::Unknown).collect();
    let unwell = |row: &&&RegionStatus| matches!(row.verdict, Shown::Degraded | Shown::Suspected);
    let degraded: Vec<_> = known.iter().filter(|row| row.verdict == Shown::Degraded).collect();
    let stays: Vec<_> =
        degraded.iter().filter(|row| row.share_percent == Some(100)).map(|row| &*row.name).collect();
    if !degraded.is_empty() && known.iter().filter(unwell).count() == known.len() {
        let message = "every region is out of its bounds: nothing shifts, every region serves its own arrivals \
                       (fail open)";
        conditions.set("FailOpen", Is::True, "EveryRegionUnwell", message);
    } else if stays.is_empty() {
        conditions.set("FailOpen", Is::False, "TrafficFollowsVerdicts", "");
    } else {
        let why = heard.iter().find(|h| stays.contains(&h.region)).map_or("", |h| &h.view.shares_reason);
        let message =
            format!("out of bounds and still serving their own arrivals: {}. {why}", stays.join(", "));
        conditions.set("FailOpen", Is::True, "NothingShifts", message);
    }
    conditions.done()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;
    use spillway_crds::{RegionPriority, RegionPriorityStatus, region_priority::Verdict as Shown};
    use spillway_decide::report::Report;

    use super::{Heard, is_significant, status};

    fn report(region: &str, verdicts: [&str; 2], home: u32) -> Arc<Report> {
        let other = if region == "a" { "b" } else { "a" };
        let view = |name: &str, verdict: &str| {
            let sli = (name == region).then(|| json!({"requests": 7, "errorPercent": 0.5}));
            json!({"verdict": verdict, "reason": "r", "since": "2026-11-23T05:00:00Z", "votesBad": 0, "voters": 1,
                   "sli": sli})
        };
        let shares = json!({region: home, other: 100 - home});
        let regions = json!({"a": view("a", verdicts[0]), "b": view("b", verdicts[1])});
        let routes = json!([{"route": "n/i:h/p", "verdict": verdicts[0], "since": "2026-11-23T05:00:00Z"}]);
        let routes = if home == 35 { routes } else { json!([]) };
        let priority = json!({"view": {"regions": regions, "shares": shares, "routes": routes}});
        let report = json!({"region": region, "member": region, "priorities": {"p": priority}});
        Arc::new(serde_json::from_value(report).unwrap())
    }

    fn told(reports: &[Arc<Report>], before: &RegionPriorityStatus) -> RegionPriorityStatus {
        let priority: RegionPriority = serde_json::from_value(json!({
            "metadata": {"name": "p", "generation": 2}, "spec": {"regions": [{"name": "a"}, {"name": "b"}]}}))
        .unwrap();
        let now = Timestamp::from_second(9).unwrap();
        status(&priority, before, &Heard::of("p", reports), now)
    }

    fn fail_open(status: &RegionPriorityStatus) -> &str {
        let condition = status.conditions.iter().find(|condition| condition.type_ == "FailOpen").unwrap();
        &condition.reason
    }

    #[test]
    fn shows_what_gateways_say() {
        let before = RegionPriorityStatus::default();
        let reports = [report("a", ["Degraded", "Healthy"], 35), report("b", ["Degraded", "Healthy"], 100)];
        let status = told(&reports, &before);
        let a = &status.regions[0];
        assert_eq!((a.verdict, a.share_percent), (Shown::Degraded, Some(35)));
        assert_eq!((a.spill_to[0].region.as_str(), a.spill_to[0].percent), ("b", 65));
        assert_eq!(a.sli.as_ref().unwrap().requests, 7);
        assert_eq!((a.routes[0].route.as_str(), a.routes[0].verdict), ("n/i:h/p", Shown::Degraded));
        assert!(status.regions[1].routes.is_empty(), "its own gateways say so, nobody else");
        assert_eq!(a.since.as_ref().unwrap().0.to_string(), "2026-11-23T05:00:00Z");
        assert_eq!(fail_open(&status), "TrafficFollowsVerdicts");
        assert!(is_significant(&before, &status));
        assert!(!is_significant(&status, &told(&reports, &status)));
    }

    #[test]
    fn says_when_nothing_shifts() {
        let before = RegionPriorityStatus::default();
        for (verdicts, home, reason) in [
            (["Degraded", "Degraded"], 100, "EveryRegionUnwell"),
            (["Degraded", "Suspected"], 100, "EveryRegionUnwell"),
            (["Degraded", "Healthy"], 100, "NothingShifts"),
            (["Suspected", "Suspected"], 100, "TrafficFollowsVerdicts"),
            (["Healthy", "Healthy"], 100, "TrafficFollowsVerdicts"),
        ] {
            let reports = [report("a", verdicts, home), report("b", verdicts, 100)];
            assert_eq!(fail_open(&told(&reports, &before)), reason, "{verdicts:?}");
        }
    }

    #[test]
    fn names_the_active_region_and_what_people_commanded() {
        let before = RegionPriorityStatus::default();
        let with = |region: &str, answered: &str| {
            let mut report = Arc::unwrap_or_clone(report(region, ["Healthy", "Healthy"], 100));
            let view = &mut report.priorities.get_mut("p").unwrap().view;
            let answer = json!({"region": answered, "addresses": ["127.0.0.1"], "ttlSeconds": 30});
            view.answer = Some(serde_json::from_value(answer).unwrap());
            Arc::new(report)
        };
        let well = told(&[with("a", "a"), with("b", "a")], &before);
        assert_eq!((well.active.as_deref(), well.regions[0].command.as_str()), (Some("a"), ""));
        assert_eq!(well.active_since.as_ref().unwrap().0.as_second(), 9);
        let mut drained = [with("a", "b"), with("b", "b")];
        let view = &mut Arc::make_mut(&mut drained[1]).priorities.get_mut("p").unwrap().view;
        view.regions.get_mut("a").unwrap().command = "drained by alice".to_owned();
        let drained = told(&drained, &well);
        assert_eq!(drained.active.as_deref(), Some("b"));
        assert_eq!(drained.regions[0].command, "drained by alice");
        assert!(is_significant(&well, &drained));
    }

    #[test]
    fn silence_is_unknown_with_a_time_that_stays() {
        let before = RegionPriorityStatus::default();
        let first = told(&[], &before);
        assert_eq!(first.regions[0].verdict, Shown::Unknown);
        assert_eq!(first.regions[0].since.as_ref().unwrap().0.as_second(), 9);
        assert_eq!(told(&[], &first), first);
    }
}
