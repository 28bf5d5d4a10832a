//! What happens to a request: find its route, decide who serves it, send it there, keep its redirects home.
//!
//! One [`Proxy`] serves both doors. At the front door a request may leave for another region; one that came
//! over the spill listener is served here or not at all, so nothing ever makes a second hop.

mod admit;
pub(crate) mod answer;
mod budget;
mod duplicate;
mod front_door;
mod headers;
mod local;
mod origin;
mod rewrite;
mod spilled;
mod upgrade;
mod upload;
mod upstream;

use std::sync::Arc;

use http::{HeaderValue, Request};
use spillway_decide::routes::Route;
use tokio_util::sync::CancellationToken;

use crate::body::Body;
use crate::bounds::Bounds;
use crate::config::{Config, ConfigReceiver};
use crate::metrics::Metrics;
use crate::mtls::PeerClient;
use crate::seen::{Record, Seen};
use crate::traffic::{Arrival, Traffic};

use budget::RetryBudget;
pub(crate) use origin::Origin;
pub(crate) use upload::Upload;
use upstream::Upstreams;

/// Paths that are the gateways' own on both doors.
pub(crate) const WELL_KNOWN: &str = "/.well-known/spillway/";

/// The proxy's handle; clones share everything.
#[derive(Clone)]
pub struct Proxy {
    inner: Arc<Inner>,
}

struct Inner {
    config: ConfigReceiver,
    traffic: Traffic,
    peers: PeerClient,
    upstreams: Upstreams,
    metrics: Metrics,
    seen: Seen,
    budget: RetryBudget,
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
        peers: PeerClient,
        metrics: Metrics,
        seen: Seen,
        draining: CancellationToken,
        bounds: Bounds,
    ) -> Self {
        let name = format!("{}.spillway", config.borrow().identity.member);
        let via = HeaderValue::from_str(&format!("1.1 {name}"))
            .unwrap_or_else(|_| HeaderValue::from_static("1.1 spillway"));
        let (upstreams, budget) = (Upstreams::default(), RetryBudget::default());
        let inner =
            Inner { config, traffic, peers, upstreams, metrics, seen, budget, name, via, draining, bounds };
        Self { inner: Arc::new(inner) }
    }

    /// Forgets the endpoints and peers that configs drop, until the config's writer is gone.
    pub async fn follow_config(self) {
        let mut config = self.inner.config.clone();
        while config.changed().await.is_ok() {
            let latest = Arc::clone(&config.borrow_and_update());
            self.inner.upstreams.retain(&latest);
            self.inner.peers.retain(&latest);
        }
    }

    /// Whether peers and load balancers may send requests here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.config.borrow().is_loaded() && !self.inner.draining.is_cancelled()
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.inner.config.borrow())
    }
}
