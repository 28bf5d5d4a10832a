//! The running account of a load: every request is entered once, when it is done.

use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use super::record::{Move, Record, Records, Totals};

/// What a region's backends did over the snapshot's window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RegionView {
    /// Answers within the window.
    pub served: u64,
    /// Their share of all regions' answers.
    pub share_percent: f64,
    /// The 95th percentile of their latency.
    pub p95_milliseconds: Option<f64>,
}

impl RegionView {
    /// Of the latencies of a region's answers, where all regions together gave `all`.
    pub(super) fn of(mut latencies: Vec<Duration>, all: usize) -> Self {
        let rank = (latencies.len() * 95).div_ceil(100).saturating_sub(1);
        let p95 = (!latencies.is_empty()).then(|| *latencies.select_nth_unstable(rank).1);
        Self {
            served: latencies.len() as u64,
            share_percent: 100.0 * to_f64(latencies.len()) / to_f64(all.max(1)),
            p95_milliseconds: p95.map(|p95| p95.as_secs_f64() * 1000.0),
        }
    }
}

/// Where a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientView {
    /// Its source address.
    pub address: Ipv4Addr,
    /// The front door that its last request went to.
    pub front_door: Option<Arc<str>>,
    /// Since when, from the start of the load.
    pub since: Duration,
    /// The region that served its last answer.
    pub served: Option<Arc<str>>,
}

/// A load at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// From the start of the load.
    pub at: Duration,
    /// Counts since the start.
    pub totals: Totals,
    /// What each region served over the window.
    pub regions: BTreeMap<String, RegionView>,
    /// Answers a second over the window.
    pub rate: f64,
    /// Each client.
    pub clients: Vec<ClientView>,
}

impl Snapshot {
    /// The share of the answers that `region` served over the window.
    #[must_use]
    pub fn share_percent(&self, region: &str) -> f64 {
        self.regions.get(region).map_or(0.0, |view| view.share_percent)
    }

    /// How many clients are at each front door.
    #[must_use]
    pub fn clients_at(&self) -> BTreeMap<String, usize> {
        let mut at = BTreeMap::new();
        for region in self.clients.iter().filter_map(|client| client.front_door.as_deref()) {
            *at.entry(region.to_owned()).or_insert(0) += 1;
        }
        at
    }
}

/// What is kept while the load runs.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    totals: Totals,
    records: Vec<Record>,
    moves: Vec<Move>,
    clients: Vec<ClientView>,
    /// The answers that a snapshot may still look at: when done, by whom, how long.
    recent: VecDeque<(Duration, Arc<str>, Duration)>,
}

/// No window is longer than this; older answers leave the recent ones.
const KEPT: Duration = Duration::from_mins(1);

impl Ledger {
    pub(super) fn new(addresses: &[Ipv4Addr]) -> Self {
        let blank = |&address| ClientView { address, front_door: None, since: Duration::ZERO, served: None };
        Self { clients: addresses.iter().map(blank).collect(), ..Self::default() }
    }

    /// A request leaves.
    pub(super) fn sent(&mut self) {
        self.totals.sent += 1;
    }

    /// A request goes out over a connection to `front_door`.
    pub(super) fn sends_to(&mut self, client: usize, front_door: Option<&Arc<str>>, at: Duration) {
        let (Some(view), Some(to)) = (self.clients.get_mut(client), front_door) else { return };
        if view.front_door.as_ref() != Some(to) {
            let from = view.front_door.replace(Arc::clone(to));
            view.since = at;
            self.moves.push(Move { client, at, from, to: Arc::clone(to) });
        }
    }

    /// A request is done.
    pub(super) fn done(&mut self, record: Record) {
        self.totals.enter(&record);
        if let (Some(served), Some(view)) = (&record.served, self.clients.get_mut(record.client)) {
            view.served = Some(Arc::clone(served));
            let done_at = record.done_at();
            self.recent.push_back((done_at, Arc::clone(served), record.latency));
            while self.recent.front().is_some_and(|(at, ..)| *at + KEPT < done_at) {
                self.recent.pop_front();
            }
        }
        self.records.push(record);
    }

    pub(super) fn snapshot(&self, now: Duration, window: Duration) -> Snapshot {
        let since = now.saturating_sub(window.min(KEPT));
        let mut latencies: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for (_, region, latency) in self.recent.iter().rev().take_while(|(at, ..)| *at >= since) {
            latencies.entry(region).or_default().push(*latency);
        }
        let all: usize = latencies.values().map(Vec::len).sum();
        let regions = latencies
            .into_iter()
            .map(|(region, took)| (region.to_owned(), RegionView::of(took, all)))
            .collect();
        let span = now.min(window).as_secs_f64().max(0.001);
        Snapshot {
            at: now,
            totals: self.totals,
            regions,
            rate: to_f64(all) / span,
            clients: self.clients.clone(),
        }
    }

    pub(super) fn into_records(self) -> Records {
        let clients = self.clients.iter().map(|client| client.address).collect();
        Records { totals: self.totals, requests: self.records, moves: self.moves, clients }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn region(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    fn record(at_ms: u64, served: &str, latency_ms: u64) -> Record {
        Record {
            client: 0,
            sent_at: Duration::from_millis(at_ms - latency_ms),
            latency: Duration::from_millis(latency_ms),
            status: Some(200),
            served: Some(region(served)),
            front_door: Some(region(served)),
            redirect: false,
            outcome: Outcome::Ok,
        }
    }

    #[test]
    fn shares_and_percentiles_are_those_of_the_window() {
        let mut ledger = Ledger::new(&[Ipv4Addr::LOCALHOST]);
        ledger.done(record(1_000, "beijing", 900));
        for n in 0..99 {
            ledger.done(record(9_000 + n, "shenzhen", n + 1));
        }
        ledger.done(record(9_100, "chengdu", 7));
        let snapshot = ledger.snapshot(Duration::from_secs(10), Duration::from_secs(3));
        assert!(!snapshot.regions.contains_key("beijing"), "out of the window");
        assert!((snapshot.share_percent("shenzhen") - 99.0).abs() < 1e-9);
        assert_eq!(snapshot.regions["shenzhen"].p95_milliseconds, Some(95.0));
        assert_eq!(snapshot.regions["chengdu"].p95_milliseconds, Some(7.0));
    }

    #[test]
    fn a_move_is_entered_once() {
        let mut ledger = Ledger::new(&[Ipv4Addr::LOCALHOST]);
        let (sz, cd) = (region("shenzhen"), region("chengdu"));
        for (at, to) in [(1, &sz), (2, &sz), (3, &cd), (4, &cd)] {
            ledger.sends_to(0, Some(to), Duration::from_secs(at));
        }
        let records = ledger.into_records();
        let seen: Vec<_> =
            records.moves.iter().map(|moved| (moved.at.as_secs(), moved.to.to_string())).collect();
        assert_eq!(seen, [(1, "shenzhen".to_owned()), (3, "chengdu".to_owned())]);
    }

    #[test]
    fn a_redirect_to_the_wrong_place_is_not_a_public_one() {
        let mut totals = Totals::default();
        let redirect = Record { redirect: true, ..record(1, "shenzhen", 1) };
        totals.enter(&redirect);
        let wrong = super::super::WrongReason::Location("http://internal/".to_owned());
        totals.enter(&Record { outcome: Outcome::Wrong(wrong), ..redirect.clone() });
        totals.enter(&Record { outcome: Outcome::Lost(super::super::LossReason::Deadline), ..redirect });
        assert_eq!((totals.redirects, totals.locations_public, totals.wrong, totals.lost), (2, 1, 1, 1));
    }
}
