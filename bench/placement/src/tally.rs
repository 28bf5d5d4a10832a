//! What the runs of one case found, made into figures.

#![expect(clippy::cast_precision_loss, reason = "nanoseconds and bytes for people, far below 2⁵²")]

use crate::{
    case::{Allocator, Map, Outcome},
    figures::Figure,
    round::Round,
    spread::Runs,
};

/// What one map's runs of a round have found so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// The times of single inserts.
    pub(crate) runs: Runs,
    /// The throughput and the memory of each run.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Tally {
    /// The figures of them all.
    pub(crate) fn figure(self, round: Round, map: Map) -> Figure {
        let Round { entries, order, allocator } = round;
        let fastest = |time: fn(&Outcome) -> u64| self.outcomes.iter().map(time).min().unwrap_or(0);
        let mops = |ns: u64| f64::from(entries) * 1e3 / ns.max(1) as f64;
        let resident = |bytes: fn(&Outcome) -> u64| {
            let mut all: Vec<u64> = self.outcomes.iter().map(bytes).collect();
            all.sort_unstable();
            let median = all.get(all.len() / 2).filter(|_| allocator == Allocator::Cold);
            median.map(|bytes| *bytes as f64 / 1e6)
        };
        let (insert_mops, get_mops) = (mops(fastest(|o| o.insert_ns)), mops(fastest(|o| o.get_by_object_ns)));
        let (rss_mb, rss_settled_mb) = (resident(|o| o.peak_bytes), resident(|o| o.settled_bytes));
        let insert_run_max_us = self.runs.run_max_us();
        let spread = self.runs.intrinsic();
        Figure {
            map,
            entries,
            order,
            allocator,
            insert_max_us: spread.max_us(),
            insert_p9999_us: spread.quantile_us(0.9999),
            insert_p999_us: spread.quantile_us(0.999),
            insert_p99_us: spread.quantile_us(0.99),
            insert_p50_us: spread.quantile_us(0.5),
            insert_run_max_us,
            insert_mops,
            get_mops,
            get_random_mops: mops(fastest(|o| o.get_ns)),
            rss_mb,
            rss_settled_mb,
        }
    }
}
