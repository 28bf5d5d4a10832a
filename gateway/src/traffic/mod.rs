//! The traffic loop: it measures what this region serves, probes the others, tells them and listens, lets
//! `decide` decide, and publishes where arrivals go and what DNS answers.
//!
//! Nothing here needs the hub or an API server. [`Traffic`] is what the rest of the gateway holds: the proxy
//! asks it for a [`Destination`] and hands it every request it serves, DNS asks it for the answer, the spill
//! listener gives it the peers' reports. Each thing that may hang (a peer's door, its spill listener, a
//! backend) has a task of its own with a deadline; deciding waits for none of them.

mod admission;
mod backends;
mod clock;
mod commands;
mod contacts;
mod doors;
mod exchange;
mod flight;
mod gameday;
mod inbox;
mod ledger;
mod live;
mod metrics;
mod probe;
mod routes;
mod state;
mod supervise;
mod tick;
mod witnesses;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use spillway_decide::commands::Book;
use spillway_decide::report::Report;
use spillway_decide::{Answer, Peer};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::config::ConfigReceiver;
use crate::mtls::{CallerIdentity, PeerClient};
use clock::Clock;
use contacts::Contacts;
use gameday::Gameday;
use inbox::Inbox;
use live::Live;

pub use flight::InFlight;
pub(crate) use probe::AGENT_NAME as PROBE_AGENT;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To this region's own backends.
    Local,
    /// To a gateway of another region, within what it granted.
    Spill {
        /// The region.
        region: String,
        /// Its gateways, the one to try first in front.
        peers: Vec<Peer>,
    },
}

/// How a request came that this region serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// At our own front door.
    Local,
    /// Forwarded by the gateway of another region.
    Spilled {
        /// That region.
        origin: String,
    },
}

/// The traffic loop's handle; clones share everything.
#[derive(Clone)]
pub struct Traffic {
    inner: Arc<Inner>,
}

struct Inner {
    config: ConfigReceiver,
    clock: Clock,
    lives: RwLock<BTreeMap<String, Arc<Live>>>,
    inbox: Mutex<Inbox>,
    contacts: Mutex<Contacts>,
    gameday: Gameday,
    /// What people commanded.
    book: Mutex<Book>,
    /// Counts its changes.
    commands_changed: watch::Sender<u64>,
    /// A peer told something new: decide now.
    news: Notify,
    /// Counts what we have to tell at once.
    urgent: watch::Sender<u64>,
    /// Requests a second that each priority's backends can take in by spill, where that is measured.
    measured: RwLock<BTreeMap<String, f64>>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    steps: AtomicU64,
    exchanges: AtomicU64,
    failed_exchanges: AtomicU64,
    grants_exhausted: AtomicU64,
    /// Reports told.
    reports: AtomicU64,
    /// Turns over the gateways of a region that has several.
    turns: AtomicU64,
}

impl Traffic {
    /// A loop over this config. Nothing is decided before [`Traffic::run`].
    #[must_use]
    pub fn new(config: ConfigReceiver) -> Self {
        let inner = Inner {
            config,
            clock: Clock::start(),
            lives: RwLock::default(),
            inbox: Mutex::default(),
            contacts: Mutex::default(),
            gameday: Gameday::default(),
            book: Mutex::default(),
            commands_changed: watch::Sender::new(0),
            news: Notify::new(),
            urgent: watch::Sender::new(0),
            measured: RwLock::default(),
            counters: Counters::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Where a request that arrived at our own front door goes. Takes one request off the grant when it
    /// spills; `spill_allowed` is the route's policy for this method.
    #[must_use]
    pub fn destination(
        &self,
        priority: &str,
        route: &str,
        client: IpAddr,
        spill_allowed: bool,
    ) -> Destination {
        let Some(live) = self.live(priority).filter(|_| spill_allowed) else {
            return Destination::Local;
        };
        let config = self.inner.config.borrow().clone();
        let Some(region) = live.wanted(&config.identity.region, route, client) else {
            return Destination::Local;
        };
        if !live.charge(self.inner.clock.now(), &region) {
            self.inner.counters.grants_exhausted.fetch_add(1, Ordering::Relaxed);
            return Destination::Local;
        }
        let mut peers: Vec<Peer> =
            config.peers.iter().filter(|peer| peer.region == region).cloned().collect();
        match peers.len() {
            0 => return Destination::Local,
            1 => {}
            count => peers.rotate_left(self.turn() % count),
        }
        Destination::Spill { region, peers }
    }

    /// Whether a request that the gateways of `origin` forwarded is within what they were granted; takes it off.
    /// Of a route that this region sheds nothing is.
    #[must_use]
    pub fn admits(&self, priority: &str, route: &str, origin: &str) -> bool {
        self.live(priority).is_none_or(|live| live.admit(self.inner.clock.now(), route, origin))
    }

    /// Notes a request that this region serves itself, when it is received. Not for requests that are
    /// spilled: those are the other region's to measure.
    pub fn begin(&self, priority: &str, route: &str, arrival: &Arrival) -> InFlight {
        match self.live(priority) {
            Some(live) => InFlight::begin(live, self.inner.clock, route, *arrival == Arrival::Local),
            None => InFlight::unwatched(),
        }
    }

    /// What DNS answers for a host of this priority; `None` is SERVFAIL: nothing is loaded.
    #[must_use]
    pub fn answer(&self, priority: &str) -> Option<Answer> {
        self.live(priority)?.decision()?.answer.clone()
    }

    /// Takes a peer's report in, gives our own. What the hub sends is not evidence.
    #[must_use]
    pub fn exchange(&self, caller: &CallerIdentity, report: Report) -> Report {
        let (region, member) = (caller.region.as_deref(), caller.member.as_deref());
        if (region, member) == (Some(&report.region), Some(&report.member)) {
            self.inner.contacts.lock().asked(self.inner.clock.now(), &report.member);
            self.hear(report);
        } else if !caller.hub {
            tracing::warn!(
                ?region,
                ?member,
                claimed_region = report.region,
                claimed_member = report.member,
                "a report that claims to be another's was dropped"
            );
        }
        self.report()
    }

    /// Takes in what the backends of each priority can measurably take in by spill, in requests a second.
    pub(crate) fn measured(&self, measured: BTreeMap<String, f64>) {
        *self.inner.measured.write() = measured;
    }

    /// Runs the loop until `stop`: probes, exchanges, decisions. `source` is the local address of connections
    /// to peers and witnesses.
    pub async fn run(self, client: PeerClient, source: Option<IpAddr>, stop: CancellationToken) {
        let peers = supervise::peers(self.clone(), client, source, stop.clone());
        let backends = backends::probe_each_second(self.clone(), stop.clone());
        let witnesses = witnesses::ask_each_second(self.clone(), source, stop.clone());
        let decisions = tick::decide(self, stop);
        tokio::join!(peers, backends, witnesses, decisions);
    }

    /// Takes in a report that is known to come from whom it names.
    fn hear(&self, report: Report) {
        let config = self.inner.config.borrow().clone();
        let is_peer =
            config.other_peers().any(|peer| peer.member == report.member && peer.region == report.region);
        if !is_peer {
            return;
        }
        self.hear_commands(&report.commands);
        if self.inner.inbox.lock().put(self.inner.clock.now(), report) {
            self.inner.news.notify_one();
        }
    }

    fn live(&self, priority: &str) -> Option<Arc<Live>> {
        self.inner.lives.read().get(priority).cloned()
    }

    fn turn(&self) -> usize {
        usize::try_from(self.inner.counters.turns.fetch_add(1, Ordering::Relaxed)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
