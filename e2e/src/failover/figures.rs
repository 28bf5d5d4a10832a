//! The figures of all runs, a flat row for each kind of gateway.

use serde_json::{Map, Value, json};

use super::measure::{Gateway, MOMENTS, Run};

/// One figure of a run, by its name.
pub type Figure = (&'static str, fn(&Run) -> f64);

/// What each row has P50, P99 and the largest of.
pub const FIGURES: [Figure; 7] = [
    ("onset_to_degraded_s", |run| run.onset_to_degraded_s),
    ("verdict_to_all_s", |run| run.verdict_to_all_s),
    ("verdict_to_65_s", |run| run.verdict_to_65_s),
    ("verdict_to_100_s", |run| run.verdict_to_100_s),
    ("last_client_s", |run| run.last_client_s),
    ("last_ill_s", |run| run.last_ill_s),
    ("lost", |run| whole(run.lost)),
];

/// P50, P99 and the largest, by nearest rank; none without values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of the runs have at most this.
    pub p50: f64,
    /// 99 of 100 have at most this.
    pub p99: f64,
    /// The worst.
    pub max: f64,
}

impl Spread {
    /// Of any values.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let rank =
            |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { p50: rank(50)?, p99: rank(99)?, max: *values.last()? })
    }
}

/// The rows of `failover.json`.
#[must_use]
pub fn rows(runs: &[Run], parallel: usize, seed: u64) -> Vec<Value> {
    [Gateway::Alive, Gateway::Dead]
        .into_iter()
        .map(|gateway| runs.iter().filter(|run| run.gateway == gateway).collect::<Vec<_>>())
        .filter(|runs| !runs.is_empty())
        .map(|runs| row(&runs, parallel, seed))
        .collect()
}

fn row(runs: &[&Run], parallel: usize, seed: u64) -> Value {
    let mut row = Map::new();
    row.insert("gateway".to_owned(), json!(runs.first().map(|run| run.gateway)));
    row.insert("runs".to_owned(), json!(runs.len()));
    row.insert("parallel".to_owned(), json!(parallel));
    row.insert("seed".to_owned(), json!(seed));
    for (name, figure) in FIGURES {
        let Some(spread) = Spread::of(runs.iter().map(|run| figure(run))) else { continue };
        for (part, value) in [("p50", spread.p50), ("p99", spread.p99), ("max", spread.max)] {
            row.insert(format!("{name}_{part}"), json!(rounded(value)));
        }
    }
    let clients: usize = runs.iter().map(|run| run.left_s.len()).sum();
    for moment in MOMENTS {
        let still: usize = runs.iter().map(|run| run.still(moment)).sum();
        row.insert(
            format!("still_after_{}_s_percent", words(moment)),
            json!(rounded(percent(still, clients))),
        );
    }
    row.insert("lost_late".to_owned(), json!(runs.iter().map(|run| run.lost_late).sum::<u64>()));
    row.insert("wrong".to_owned(), json!(runs.iter().map(|run| run.wrong).sum::<u64>()));
    Value::Object(row)
}

fn words(moment: f64) -> String {
    moment.to_string().replace('.', "_")
}

/// To milliseconds.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Percent of a whole.
#[must_use]
pub fn percent(part: usize, all: usize) -> f64 {
    100.0 * whole(part as u64) / whole(all.max(1) as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn run(gateway: Gateway, seconds: f64) -> Run {
        Run {
            gateway,
            kind: "a kind",
            fault: "a fault".to_owned(),
            onset_to_degraded_s: 30.0 + seconds,
            verdict_to_all_s: 0.1,
            verdict_to_65_s: 1.0,
            verdict_to_100_s: 2.0,
            last_client_s: 5.0 + seconds,
            last_ill_s: 2.5,
            lost: 3,
            lost_late: 0,
            wrong: 0,
            sent: 1000,
            left_s: vec![seconds, 4.0],
        }
    }

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let spread = Spread::of((1..=200).map(f64::from)).unwrap();
        assert_eq!(spread, Spread { p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Spread::of([7.0].into_iter()), Some(Spread { p50: 7.0, p99: 7.0, max: 7.0 }));
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn a_row_for_each_kind_of_gateway_that_was_run() {
        let runs = [run(Gateway::Alive, 0.5), run(Gateway::Alive, 1.5)];
        let rows = rows(&runs, 4, 7);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["gateway"], "alive");
        assert_eq!(rows[0]["onset_to_degraded_s_max"], 31.5);
        assert_eq!(rows[0]["lost_p99"], 3.0);
        assert_eq!(rows[0]["still_after_1_s_percent"], 75.0);
        assert_eq!(rows[0]["still_after_3_2_s_percent"], 50.0);
    }
}
