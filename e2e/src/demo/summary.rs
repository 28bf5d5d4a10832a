//! The end of the demo: the same figures for people and for programs.

use serde::Serialize;

use super::{
    milestones::{Milestone, Milestones},
    verdict::Failure,
};
use crate::load::Totals;

/// `target/demo/summary.json`. Seconds that never came are null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Whether the story came true.
    pub came_true: bool,
    /// What did not, in words.
    pub failures: Vec<String>,
    /// From the onset until the region's gateway suspected it.
    pub onset_to_suspected_s: Option<f64>,
    /// From the onset until it was degraded.
    pub onset_to_degraded_s: Option<f64>,
    /// From then until 65 % of its arrivals spilled over.
    pub degraded_to_65_s: Option<f64>,
    /// From then until all did.
    pub degraded_to_100_s: Option<f64>,
    /// From the onset until the last client used another front door.
    pub onset_to_last_client_s: Option<f64>,
    /// From the end of the fault until verdict, shares, DNS and every client were as before.
    pub home_s: Option<f64>,
    /// Requests sent.
    pub requests: u64,
    /// Without a complete answer, or with a 5xx.
    pub lost: u64,
    /// Answered with what must not be answered.
    pub wrong: u64,
    /// Redirects whose `Location` was a private host and came out as the public one.
    pub locations_rewritten: u64,
}

impl Summary {
    /// Puts the figures together.
    #[must_use]
    pub fn of(milestones: &Milestones, totals: &Totals, failures: &[Failure]) -> Self {
        use Milestone::{ClientsAway, Degraded, Shifted65, Shifted100, Suspected};
        Self {
            came_true: failures.is_empty(),
            failures: failures.iter().map(ToString::to_string).collect(),
            onset_to_suspected_s: rounded(milestones.since_onset(Suspected)),
            onset_to_degraded_s: rounded(milestones.since_onset(Degraded)),
            degraded_to_65_s: rounded(milestones.between(Degraded, Shifted65)),
            degraded_to_100_s: rounded(milestones.between(Degraded, Shifted100)),
            onset_to_last_client_s: rounded(milestones.since_onset(ClientsAway)),
            home_s: rounded(milestones.home_seconds()),
            requests: totals.sent,
            lost: totals.lost,
            wrong: totals.wrong,
            locations_rewritten: totals.locations_public,
        }
    }

    /// For people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let time = |what: &str, seconds: Option<f64>| {
            let seconds = seconds.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.1} s"));
            format!("  {what:<36}{seconds:>10}")
        };
        let count = |what: &str, count: u64| format!("  {what:<36}{count:>10}");
        let mut lines = vec![
            time("onset to Suspected", self.onset_to_suspected_s),
            time("onset to Degraded", self.onset_to_degraded_s),
            time("Degraded to 65 % elsewhere", self.degraded_to_65_s),
            time("Degraded to 100 % elsewhere", self.degraded_to_100_s),
            time("onset to the last client elsewhere", self.onset_to_last_client_s),
            time("end of the fault to home", self.home_s),
            count("requests", self.requests),
            count("lost", self.lost),
            count("answered wrongly", self.wrong),
            count("Location headers rewritten", self.locations_rewritten),
        ];
        if self.came_true {
            lines.push("The story came true.".to_owned());
        } else {
            lines.push("The story did not come true:".to_owned());
            lines.extend(self.failures.iter().map(|failure| format!("  promised: {failure}")));
        }
        lines
    }
}

fn rounded(seconds: Option<f64>) -> Option<f64> {
    seconds.map(|seconds| (seconds * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{invented, verdict::judge},
        *,
    };

    #[test]
    fn the_figures_are_those_of_the_story() {
        let (terms, frames) = (invented::terms(), invented::story());
        let milestones = invented::milestones(&frames, &terms);
        let totals = frames.last().unwrap().totals;
        let summary = Summary::of(&milestones, &totals, &judge(&terms, &milestones, &totals));
        let json = serde_json::to_value(&summary).unwrap();
        let expected = [
            ("came_true", serde_json::json!(true)),
            ("onset_to_suspected_s", 2.0.into()),
            ("onset_to_degraded_s", 32.0.into()),
            ("degraded_to_65_s", 1.0.into()),
            ("degraded_to_100_s", 2.0.into()),
            ("onset_to_last_client_s", 37.0.into()),
            ("home_s", 165.0.into()),
            ("requests", totals.sent.into()),
            ("lost", 0.into()),
            ("locations_rewritten", totals.locations_public.into()),
        ];
        for (field, value) in expected {
            assert_eq!(json[field], value, "{field}");
        }
        assert!(
            summary.lines().iter().any(|line| line.contains("onset to Degraded") && line.ends_with("32.0 s"))
        );
    }

    #[test]
    fn what_never_came_is_null_and_said() {
        let failures = [Failure { promised: "shenzhen is degraded".into(), seen: "never".into() }];
        let summary = Summary::of(&Milestones::default(), &Totals::default(), &failures);
        assert!(serde_json::to_value(&summary).unwrap()["onset_to_degraded_s"].is_null());
        assert!(summary.lines().last().unwrap().contains("shenzhen is degraded; seen: never"));
    }
}
