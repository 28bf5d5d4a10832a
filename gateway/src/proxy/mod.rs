//! What happens to a request: find its route, decide who serves it, send it there, keep its redirects home.
//!
//! One [`Proxy`] serves both doors. At the front door a request may leave for another region; one that came
//! over the spill listener is served here or not at all, so nothing ever makes a second hop.

mod admit;
pub(crate) mod answer;
mod attempts;
mod duplicate;
mod front_door;
mod headers;
mod kept;
mod local;
mod origin;
mod rewrite;
mod spilled;
mod upgrade;
mod upload;
mod upstream;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request};
use parking_lot::Mutex;
use spillway_decide::balance::Budget;
use spillway_decide::grants::{Load, measured};
use spillway_decide::routes::Route;
use tokio_util::sync::CancellationToken;

use crate::body::Body;
use crate::bounds::Bounds;
use crate::config::{Config, ConfigReceiver};
use crate::metrics::Metrics;
use crate::mtls::PeerClient;
use crate::seen::{Record, Seen};
use crate::traffic::{Arrival, Traffic};
use crate::turn::Turn;

pub(crate) use origin::Origin;
pub(crate) use upload::Upload;
#[cfg(any(test, fuzzing))]
pub(crate) use upstream::cut_anywhere;
use upstream::{BackendView, Upstreams};

/// Paths that are the gateways' own on both doors.
pub(crate) const WELL_KNOWN: &str = "/.well-known/spillway/";

/// How often the backends' headroom is read.
const MEASURE_EVERY: Duration = Duration::from_millis(500);

/// The proxy's handle; clones share everything.
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
}

/// How requests leave.
pub(crate) struct Outward {
    /// To other regions.
    pub(crate) peers: PeerClient,
    /// When small ones go to backends.
    pub(crate) turn: Option<Turn>,
}

struct Inner {
    config: ConfigReceiver,
    traffic: Traffic,
    peers: PeerClient,
    upstreams: Upstreams,
    metrics: Metrics,
    seen: Seen,
    /// Repeats of requests that were lost on their way to another region.
    spill_budget: Mutex<Budget>,
    /// Our name in `Via`, and the whole entry.
    name: String,
    via: HeaderValue,
    draining: CancellationToken,
    bounds: Bounds,
}

/// A request on its way, with what was found out about it.
struct Exchange<'a> {
    config: &'a Config,
    route: &'a Route,
    origin: &'a Origin,
    arrival: Arrival,
    request: Request<Body>,
    upload: Upload,
    record: &'a mut Record,
}

impl Proxy {
    /// A proxy over this config. `draining` makes it tell its peers and probes to look elsewhere.
    #[must_use]
    pub(crate) fn new(
        config: ConfigReceiver,
        traffic: Traffic,
        Outward { peers, turn }: Outward,
        metrics: Metrics,
        seen: Seen,
        draining: CancellationToken,
        bounds: Bounds,
    ) -> Self {
        let name = format!("{}.spillway", config.borrow().identity.member);
        let via = HeaderValue::from_str(&format!("1.1 {name}"))
            .unwrap_or_else(|_| HeaderValue::from_static("1.1 spillway"));
        let upstreams = Upstreams::new(turn);
        metrics.extend(|registry| upstreams.register(registry));
        let spill_budget = Mutex::new(Budget::new(upstream::clock::now()));
        let inner = Inner {
            config,
            traffic,
            peers,
            upstreams,
            metrics,
            seen,
            spill_budget,
            name,
            via,
            draining,
            bounds,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Forgets the endpoints and peers that configs drop, until the config's writer is gone.
    pub async fn follow_config(self) {
        let mut config = self.inner.config.clone();
        while config.changed().await.is_ok() {
            let latest = Arc::clone(&config.borrow_and_update());
            self.inner.upstreams.follow(&latest);
            self.inner.peers.retain(&latest);
        }
    }

    /// Whether peers and load balancers may send requests here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.config.borrow().is_loaded() && !self.inner.draining.is_cancelled()
    }

    /// What `/debug/backends` shows.
    pub(crate) fn backends(&self) -> BTreeMap<String, BackendView> {
        self.inner.upstreams.view()
    }

    /// Tells the traffic loop again and again what the backends of each priority can take, and closes connections
    /// to them that are not needed.
    pub(crate) async fn measure(self) {
        let mut ticks = tokio::time::interval(MEASURE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = upstream::clock::now();
            let loads = self.inner.upstreams.loads(&self.config());
            let room = |(priority, loads): (String, Vec<Load>)| Some((priority, measured(now, &loads)?));
            self.inner.traffic.measured(loads.into_iter().filter_map(room).collect());
            self.inner.upstreams.sweep();
        }
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.inner.config.borrow())
    }
}
