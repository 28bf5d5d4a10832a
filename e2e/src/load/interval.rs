//! A load cut into intervals: the shares and latencies of the requests that were sent in each.
//!
//! A snapshot looks at answers as they come; afterwards one can do better, and look at requests by the moment
//! at which they were sent. A step of one second stays one second then, also where answers take two.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{ledger::RegionView, record::Records};

/// The requests that were sent from `from` on, until the next interval begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// From the start of the load.
    pub from: Duration,
    /// What each region served of them.
    pub regions: BTreeMap<String, RegionView>,
}

impl Records {
    /// Cuts the load into intervals of this length. The last one may be short of requests, and is left out.
    #[must_use]
    pub fn intervals(&self, every: Duration) -> Vec<Interval> {
        let every = every.max(Duration::from_millis(1));
        let mut latencies: BTreeMap<u128, BTreeMap<&Arc<str>, Vec<Duration>>> = BTreeMap::new();
        for record in &self.requests {
            let Some(served) = &record.served else { continue };
            let index = record.sent_at.as_micros() / every.as_micros();
            latencies.entry(index).or_default().entry(served).or_default().push(record.latency);
        }
        latencies.pop_last();
        let interval = |(index, regions): (u128, BTreeMap<&Arc<str>, Vec<Duration>>)| {
            let from = every.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX));
            let all = regions.values().map(Vec::len).sum();
            let view =
                |(region, took): (&Arc<str>, Vec<Duration>)| (region.to_string(), RegionView::of(took, all));
            Interval { from, regions: regions.into_iter().map(view).collect() }
        };
        latencies.into_iter().map(interval).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::Record, *};
    use crate::load::Outcome;

    fn record(sent_ms: u64, latency_ms: u64, served: &str) -> Record {
        Record {
            client: 0,
            sent_at: Duration::from_millis(sent_ms),
            latency: Duration::from_millis(latency_ms),
            status: Some(200),
            served: Some(Arc::from(served)),
            front_door: None,
            redirect: false,
            outcome: Outcome::Ok,
        }
    }

    #[test]
    fn a_slow_answer_counts_when_it_was_asked_for() {
        let requests = vec![
            record(1200, 5, "chengdu"),
            record(100, 2000, "shenzhen"),
            record(1999, 7, "chengdu"),
            record(2000, 1, "x"),
        ];
        let intervals = Records { requests, ..Records::default() }.intervals(Duration::from_secs(1));
        assert_eq!(intervals.len(), 2, "the last one is left out: {intervals:?}");
        assert_eq!(intervals[0].regions["shenzhen"].p95_milliseconds, Some(2000.0));
        assert_eq!(intervals[1].from, Duration::from_secs(1));
        assert!((intervals[1].regions["chengdu"].share_percent - 100.0).abs() < 1e-9);
    }
}
