//! When a game day must end before its time: a region that is not part of it leaves its bounds. Pure.

use std::collections::BTreeMap;

use spillway_decide::report::Report;
use spillway_decide::sli::Sli;
use spillway_decide::{Health, Verdict};

use super::look::{About, Look};

/// Looks in a row in which a window is out of bounds: one may be chance.
const STRIKES: u32 = 2;
/// Looks in a row in which no gateway answers that traffic could go to: who cannot see must not go on.
const BLIND: u32 = 8;

/// Remembers what was wrong in the looks before.
pub(super) struct Guard {
    bounds: BTreeMap<String, Health>,
    strikes: BTreeMap<(String, String), u32>,
    blind: u32,
}

impl Guard {
    /// The bounds by priority.
    pub(super) fn new(bounds: BTreeMap<String, Health>) -> Self {
        Self { bounds, strikes: BTreeMap::new(), blind: 0 }
    }

    /// Why it must end now, if it must.
    pub(super) fn objection(&mut self, look: &Look, about: &About) -> Option<String> {
        let concerns =
            |report: &&Report| about.priorities.iter().any(|it| report.priorities.contains_key(it));
        let seen = look.0.values().filter(concerns).any(|report| report.region != about.region);
        self.blind = if seen { 0 } else { self.blind + 1 };
        if self.blind >= BLIND {
            return Some("no gateway of another region answers any more".to_owned());
        }
        let others = look.0.values().filter(|report| report.region != about.region);
        let found: Vec<_> = others
            .flat_map(|report| about.priorities.iter().map(move |name| (report, name)))
            .map(|(report, name)| ((report.member.clone(), name.clone()), self.fault(report, name)))
            .collect();
        found.into_iter().find_map(|(key, fault)| self.strike(key, fault))
    }

    fn strike(&mut self, key: (String, String), fault: Option<Fault>) -> Option<String> {
        match fault {
            None => {
                self.strikes.remove(&key);
                None
            }
            Some(Fault::Verdict(words)) => Some(words),
            Some(Fault::Window(words)) => {
                let strikes = self.strikes.entry(key).or_default();
                *strikes += 1;
                (*strikes >= STRIKES).then_some(words)
            }
        }
    }

    /// What is wrong with the region of a gateway, by itself.
    fn fault(&self, report: &Report, priority: &str) -> Option<Fault> {
        let region = &report.region;
        let seen = report.priorities.get(priority)?.view.regions.get(region)?;
        if seen.verdict == Verdict::Degraded {
            return Some(Fault::Verdict(format!("{region} is Degraded in {priority}: {}", seen.reason)));
        }
        let words = out_of_bounds(seen.sli.as_ref()?, self.bounds.get(priority)?)?;
        Some(Fault::Window(format!("{region} leaves its bounds in {priority}: {words}")))
    }
}

enum Fault {
    /// It was held for long enough to be believed.
    Verdict(String),
    Window(String),
}

fn out_of_bounds(sli: &Sli, bounds: &Health) -> Option<String> {
    if sli.requests < u64::from(bounds.min_requests) {
        return None;
    }
    if sli.error_percent > bounds.max_error_percent {
        return Some(format!("{:.1} % of its requests fail", sli.error_percent));
    }
    let slow = sli.latency_p95_milliseconds > u64::from(bounds.max_latency_p95_milliseconds);
    slow.then(|| format!("its 95th percentile is {} ms", sli.latency_p95_milliseconds))
}

#[cfg(test)]
mod tests {
    use spillway_decide::report::{PriorityReport, PriorityView, RegionView};

    use super::*;

    fn look(verdict: Verdict, errors: f64, latency: u64, requests: u64) -> Look {
        let sli =
            Sli { requests, error_percent: errors, latency_p95_milliseconds: latency, ..Sli::default() };
        let seen = RegionView { verdict, sli: Some(sli), ..RegionView::default() };
        let report = |region: &str| {
            let view = PriorityView {
                regions: [(region.to_owned(), seen.clone())].into(),
                ..PriorityView::default()
            };
            let about = PriorityReport { view, ..PriorityReport::default() };
            Report {
                region: region.to_owned(),
                member: format!("{region}-1"),
                priorities: [("p".to_owned(), about)].into(),
                ..Report::default()
            }
        };
        Look(["ill", "b"].into_iter().map(|region| (format!("{region}-1"), report(region))).collect())
    }

    #[test]
    fn a_region_that_leaves_its_bounds_ends_it_and_the_one_that_plays_ill_does_not() {
        let about = About { region: "ill".into(), priorities: vec!["p".into()] };
        let well = look(Verdict::Healthy, 0.0, 20, 500);
        for (bad, looks, words) in [
            (look(Verdict::Degraded, 0.0, 20, 500), 1, "b is Degraded in p"),
            (look(Verdict::Healthy, 6.0, 20, 500), 2, "6.0 % of its requests fail"),
            (look(Verdict::Healthy, 0.0, 1501, 500), 2, "95th percentile is 1501 ms"),
        ] {
            let mut guard = Guard::new([("p".to_owned(), Health::default())].into());
            for _ in 1..looks {
                assert_eq!(guard.objection(&bad, &about), None);
                assert_eq!(guard.objection(&well, &about), None, "what is well again is forgiven");
                assert_eq!(guard.objection(&bad, &about), None);
            }
            let said = guard.objection(&bad, &about).unwrap_or_default();
            assert!(said.contains(words), "{said}");
        }
        let mut guard = Guard::new([("p".to_owned(), Health::default())].into());
        for _ in 0..3 {
            assert_eq!(
                guard.objection(&look(Verdict::Suspected, 50.0, 9000, 19), &about),
                None,
                "too few to tell"
            );
        }
        let mut only_ill = look(Verdict::Degraded, 90.0, 9000, 500);
        only_ill.0.remove("b-1");
        assert_eq!(guard.objection(&only_ill, &about), None);
    }

    #[test]
    fn who_sees_no_other_region_does_not_go_on() {
        let about = About { region: "ill".into(), priorities: vec!["p".into()] };
        let well = || look(Verdict::Healthy, 0.0, 20, 500);
        let (mut alone, mut strange) = (well(), well());
        alone.0.remove("b-1");
        strange.0.get_mut("b-1").unwrap().priorities.clear();
        for unseen in [Look::default(), alone, strange] {
            let mut guard = Guard::new([("p".to_owned(), Health::default())].into());
            for _ in 1..BLIND {
                assert_eq!(guard.objection(&unseen, &about), None);
            }
            assert_eq!(guard.objection(&well(), &about), None);
            let said: Vec<_> = (0..BLIND).filter_map(|_| guard.objection(&unseen, &about)).collect();
            assert_eq!(said, ["no gateway of another region answers any more"]);
        }
    }

    #[test]
    fn a_report_that_is_missing_forgives_nothing() {
        let about = About { region: "ill".into(), priorities: vec!["p".into()] };
        let mut guard = Guard::new([("p".to_owned(), Health::default())].into());
        let bad = look(Verdict::Healthy, 6.0, 20, 500);
        assert_eq!(guard.objection(&bad, &about), None);
        assert_eq!(guard.objection(&Look::default(), &about), None);
        assert!(guard.objection(&bad, &about).is_some());
    }
}
