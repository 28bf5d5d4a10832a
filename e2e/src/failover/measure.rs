//! From what was seen to the figures of one run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use spillway_decide::verdict::Verdict;

use super::watch::Seen;
use crate::load::{Outcome, Record, Records};

/// The moments after the verdict, or after the death, at which clients are counted, in seconds.
pub const MOMENTS: [f64; 6] = [1.0, 3.2, 5.0, 12.0, 30.0, 48.0];

/// Whether the gateway of the region that fails lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gateway {
    /// It sees the fault itself, and forwards what still comes.
    Alive,
    /// Others give it up.
    Dead,
}

/// One run, as it was seen.
#[derive(Debug)]
pub struct Trial<'a> {
    /// Whose gateway it is about.
    pub gateway: Gateway,
    /// The region that fails.
    pub victim: &'a str,
    /// The regions whose gateways live.
    pub living: &'a [String],
    /// Just before the switch was thrown.
    pub onset: Instant,
    /// What gateways showed from then on.
    pub seen: &'a [Seen],
    /// When the clients began.
    pub load_started: Instant,
    /// What became of their requests.
    pub records: &'a Records,
}

/// The figures of one run, in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Whether the gateway lives.
    pub gateway: Gateway,
    /// What kind of thing went wrong.
    pub kind: &'static str,
    /// What went wrong.
    pub fault: String,
    /// From the fault until the first gateway holds the region Degraded.
    pub onset_to_degraded_s: f64,
    /// From then until every living gateway does.
    pub verdict_to_all_s: f64,
    /// Until every living gateway sends at least 65 % of its own arrivals elsewhere.
    pub verdict_to_65_s: f64,
    /// Until all of them send everything elsewhere.
    pub verdict_to_100_s: f64,
    /// From the verdict (alive) or the death (dead) to the last request that a client sent to the old front door.
    pub last_client_s: f64,
    /// From the verdict to the last request that was sent and not served well by another region.
    pub last_ill_s: f64,
    /// Requests without an answer, or with a 5xx, that were sent since the onset.
    pub lost: u64,
    /// Of them, those sent later than 3.2 s after the verdict (alive).
    pub lost_late: u64,
    /// Answers that must not have been given, at any time.
    pub wrong: u64,
    /// Requests that were sent since the onset.
    pub sent: u64,
    /// When each client sent its last request to the old front door, after the verdict or the death.
    pub left_s: Vec<f64>,
}

impl Run {
    /// How many clients still went to the old region so many seconds after.
    #[must_use]
    pub fn still(&self, seconds: f64) -> usize {
        self.left_s.iter().filter(|left| **left >= seconds).count()
    }
}

/// When the verdict was first seen.
pub(super) fn verdict(seen: &[Seen]) -> Option<Instant> {
    seen.iter().filter(|seen| seen.verdict == Verdict::Degraded).map(|seen| seen.at).min()
}

/// The figures of a run; an error if something that must happen was not seen.
pub fn measure(trial: &Trial<'_>, kind: &'static str, fault: String) -> Result<Run> {
    let verdict = verdict(trial.seen).context("nobody gave the region up")?;
    let after = |at: Instant| at.saturating_duration_since(verdict).as_secs_f64();
    let reached = |what: &str, is: &dyn Fn(&Seen) -> bool| {
        trial.last_gateway(is).map(after).with_context(|| format!("not every gateway showed {what}"))
    };
    let origin = match trial.gateway {
        Gateway::Alive => verdict,
        Gateway::Dead => trial.onset,
    };
    let from_verdict = |record: &&Record| signed(trial.sent(record), verdict);
    let late =
        trial.since_onset().filter(|record| from_verdict(record) > 3.2).filter(|record| lost(record)).count();
    let left_s = trial.left(origin);
    Ok(Run {
        gateway: trial.gateway,
        kind,
        fault,
        onset_to_degraded_s: signed(verdict, trial.onset),
        verdict_to_all_s: reached("the verdict", &|seen| seen.verdict == Verdict::Degraded)?,
        verdict_to_65_s: reached("65 %", &|seen| seen.away >= 65)?,
        verdict_to_100_s: reached("100 %", &|seen| seen.away == 100)?,
        last_client_s: left_s.iter().copied().fold(0.0, f64::max),
        last_ill_s: trial
            .since_onset()
            .filter(|record| record.outcome != Outcome::Ok || served_by(record, trial.victim))
            .map(|record| from_verdict(&record))
            .fold(0.0, f64::max),
        lost: trial.since_onset().filter(|record| lost(record)).count() as u64,
        lost_late: late as u64,
        wrong: trial.records.totals.wrong,
        sent: trial.since_onset().count() as u64,
        left_s,
    })
}

impl Trial<'_> {
    /// When the last of the living gateways first showed it.
    fn last_gateway(&self, is: &dyn Fn(&Seen) -> bool) -> Option<Instant> {
        let first = |gateway: &String| {
            self.seen.iter().filter(|seen| seen.gateway == *gateway && is(seen)).map(|seen| seen.at).min()
        };
        self.living.iter().map(first).try_fold(self.onset, |latest, at| Some(latest.max(at?)))
    }

    fn sent(&self, record: &Record) -> Instant {
        self.load_started + record.sent_at
    }

    fn since_onset(&self) -> impl Iterator<Item = &Record> {
        self.records.requests.iter().filter(|record| self.sent(record) >= self.onset)
    }

    /// When each client sent its last request to the old front door. One that got no connection at all went there too:
    /// no other front door is closed.
    pub(super) fn left(&self, origin: Instant) -> Vec<f64> {
        let mut last: BTreeMap<usize, Duration> = BTreeMap::new();
        for record in &self.records.requests {
            let there = record.front_door.as_deref().is_none_or(|door| door == self.victim);
            let last = last.entry(record.client).or_default();
            if there {
                *last = record.sent_at.max(*last);
            }
        }
        last.into_values().map(|at| signed(self.load_started + at, origin)).collect()
    }
}

fn lost(record: &Record) -> bool {
    matches!(record.outcome, Outcome::Lost(_))
}

fn served_by(record: &Record, region: &str) -> bool {
    record.served.as_deref() == Some(region)
}

/// Seconds from `origin` to `at`, below zero where it comes before.
fn signed(at: Instant, origin: Instant) -> f64 {
    match at.checked_duration_since(origin) {
        Some(after) => after.as_secs_f64(),
        None => -origin.duration_since(at).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::LossReason;

    const VICTIM: &str = "shenzhen";

    fn record(client: usize, sent_ms: u64, door: Option<&str>, served: Option<&str>) -> Record {
        let outcome =
            if served.is_some() { Outcome::Ok } else { Outcome::Lost(LossReason::Connect("no".into())) };
        Record {
            client,
            sent_at: Duration::from_millis(sent_ms),
            latency: Duration::from_millis(5),
            status: None,
            served: served.map(Arc::from),
            front_door: door.map(Arc::from),
            redirect: false,
            outcome,
        }
    }

    fn seen(start: Instant, ms: u64, gateway: &str, verdict: Verdict, away: u32) -> Seen {
        let at = start + Duration::from_millis(ms);
        Seen { at, gateway: gateway.to_owned(), verdict, away, well: false }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    #[test]
    fn every_time_is_from_its_own_beginning() {
        let start = Instant::now();
        let living = ["shenzhen", "chengdu"].map(str::to_owned);
        let shown = [
            seen(start, 40_000, "shenzhen", Verdict::Degraded, 10),
            seen(start, 40_200, "chengdu", Verdict::Degraded, 100),
            seen(start, 41_000, "shenzhen", Verdict::Degraded, 65),
            seen(start, 42_000, "shenzhen", Verdict::Degraded, 100),
        ];
        let requests = vec![
            record(0, 9_000, Some("shenzhen"), None),
            record(0, 12_000, Some("shenzhen"), None),
            record(0, 41_500, Some("shenzhen"), Some("shenzhen")),
            record(0, 44_000, Some("shenzhen"), None),
            record(1, 45_000, Some("chengdu"), Some("chengdu")),
        ];
        let records = Records { requests, ..Records::default() };
        let mut trial = Trial {
            gateway: Gateway::Alive,
            victim: VICTIM,
            living: &living,
            onset: start + Duration::from_secs(10),
            seen: &shown,
            load_started: start,
            records: &records,
        };
        let run = measure(&trial, "kind", String::new()).unwrap();
        near(run.onset_to_degraded_s, 30.0);
        near(run.verdict_to_all_s, 0.2);
        near(run.verdict_to_65_s, 1.0);
        near(run.verdict_to_100_s, 2.0);
        near(run.last_client_s, 4.0);
        near(run.last_ill_s, 4.0);
        assert_eq!(
            (run.lost, run.lost_late, run.sent),
            (2, 1, 4),
            "what was lost before the onset is not ours"
        );
        assert_eq!((run.still(3.2), run.still(5.0)), (1, 0));

        trial.gateway = Gateway::Dead;
        near(measure(&trial, "kind", String::new()).unwrap().last_client_s, 34.0);
    }

    #[test]
    fn a_gateway_that_never_followed_is_no_run() {
        let start = Instant::now();
        let living = ["chengdu", "beijing"].map(str::to_owned);
        let shown = [seen(start, 5_000, "chengdu", Verdict::Degraded, 100)];
        let records = Records::default();
        let trial = Trial {
            gateway: Gateway::Dead,
            victim: VICTIM,
            living: &living,
            onset: start,
            seen: &shown,
            load_started: start,
            records: &records,
        };
        let error = measure(&trial, "kind", String::new()).unwrap_err().to_string();
        assert!(error.contains("not every gateway showed the verdict"), "{error}");
    }
}
