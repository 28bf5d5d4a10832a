//! The traffic loop: it measures what this region serves, probes the others, tells them and listens, lets
//! `decide` decide, and publishes where arrivals go and what DNS answers.
//!
//! Nothing here needs the hub or an API server. [`Traffic`] is what the rest of the gateway holds: the proxy
//! asks it for a [`Destination`] and hands it every request it serves, DNS asks it for the answer, the spill
//! listener gives it the peers' reports.

mod flight;

use std::net::IpAddr;
use std::sync::Arc;

use spillway_decide::report::{Report, State};
use spillway_decide::{Answer, Peer};
use tokio_util::sync::CancellationToken;

use crate::config::ConfigReceiver;
use crate::mtls::{CallerIdentity, PeerClient};

pub use flight::InFlight;

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
}

impl Traffic {
    /// A loop over this config. Nothing is decided before [`Traffic::run`].
    #[must_use]
    pub fn new(config: ConfigReceiver) -> Self {
        Self { inner: Arc::new(Inner { config }) }
    }

    /// Where a request that arrived at our own front door goes. Takes one request off the grant when it
    /// spills; `spill_allowed` is the route's policy for this method.
    #[must_use]
    pub fn destination(&self, _priority: &str, _client: IpAddr, _spill_allowed: bool) -> Destination {
        Destination::Local
    }

    /// Notes a request that this region serves itself, when it is received. Not for requests that are
    /// spilled: those are the other region's to measure.
    #[must_use]
    pub fn begin(&self, _priority: &str, _arrival: Arrival) -> InFlight {
        InFlight::default()
    }

    /// What DNS answers for a host of this priority; `None` is SERVFAIL: nothing is loaded.
    #[must_use]
    pub fn answer(&self, _priority: &str) -> Option<Answer> {
        None
    }

    /// Takes a peer's report in, gives our own.
    #[must_use]
    pub fn exchange(&self, _caller: &CallerIdentity, _report: Report) -> Report {
        self.report()
    }

    /// Our report, as the hub polls it.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::default()
    }

    /// `/debug/state`, but for `ready`, which is the caller's to fill in.
    #[must_use]
    pub fn state(&self) -> State {
        let identity = self.inner.config.borrow().identity.clone();
        State { region: identity.region, member: identity.member, ..State::default() }
    }

    /// Runs the loop until `stop`: probes, exchanges, decisions.
    pub async fn run(self, _client: PeerClient, _source: Option<IpAddr>, stop: CancellationToken) {
        stop.cancelled().await;
    }
}
