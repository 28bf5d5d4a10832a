//! What a gateway runs on: one plain-data [`Config`], rebuilt whole whenever the member's objects change.
//!
//! Everything that serves traffic reads the latest `Arc<Config>` from a watch channel and never asks the
//! API server. That is what lets a gateway go on when its API server is gone: the last good config stays in
//! memory, and its image on disk ([`snapshot`]) is good enough to start from.

mod backends;
mod build;
mod certificates;
mod class;
mod ingress;
pub mod intake;
mod kept;
mod live;
pub(crate) mod peers;
pub(crate) mod priority;
pub(crate) mod secret;
pub mod snapshot;
mod tls;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spillway_decide::redirects::AliasSet;
use spillway_decide::routes::hold::Holdings;
use spillway_decide::routes::{BackendRef, Rejection, Route, RouteTable};
use spillway_decide::{Peer, Priority};
use tokio::sync::watch;

/// Everything the gateway needs to serve, decide and answer; the same bytes go into the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Counts the configs of this process; 0 means nothing is loaded yet and nothing may be answered from it.
    pub generation: u64,
    /// Who this gateway is.
    pub identity: Identity,
    /// Compiled routes of all Ingresses of class `spillway`.
    pub routes: RouteTable,
    /// What of the Ingresses is not served, and why.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
    /// What serves each backend that a route names.
    pub backends: HashMap<BackendRef, Backend>,
    /// The region priorities by name.
    pub priorities: BTreeMap<String, Priority>,
    /// The other gateways, and this one too: the hub sends every member the same list.
    pub peers: Vec<Peer>,
    /// Key and certificates for talking to peers; absent until the hub has delivered the Secret.
    pub credentials: Option<Arc<Credentials>>,
    /// The certificates of the front door, with their keys.
    #[serde(default, skip_serializing_if = "Certificates::is_empty")]
    pub certificates: Certificates,
}

/// Who a gateway is: the region and member from its flags, the federation from its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The federation's name; empty until credentials are there.
    pub federation: String,
    /// The region whose arrivals this gateway decides about.
    pub region: String,
    /// The member cluster it runs in.
    pub member: String,
}

/// The endpoints and internal names of one port of one Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Endpoints that may get new requests.
    pub ready: Vec<SocketAddr>,
    /// Endpoints on their way out that still serve: used only when none is ready.
    pub terminating: Vec<SocketAddr>,
    /// What they speak.
    #[serde(default)]
    pub protocol: Protocol,
    /// The names and addresses by which this backend may call itself in a redirect.
    pub aliases: AliasSet,
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 without TLS, from the first byte (prior knowledge).
    H2c,
}

/// PEM texts of the identity Secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Certificate chain of this gateway, leaf first.
    pub certificate_pem: String,
    /// Private key of the leaf.
    pub key_pem: String,
    /// The authorities to trust; two while one replaces the other.
    pub authorities_pem: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

pub use build::{Choices, Objects, build};
pub use certificates::{Certificates, KeyPair};
pub use live::{Watch, WatchError};

/// Where the latest config is read.
pub type ConfigReceiver = watch::Receiver<Arc<Config>>;
/// Where the watcher (or a test) publishes it.
pub type ConfigSender = watch::Sender<Arc<Config>>;

/// A channel that starts with the empty config of a gateway that knows only its flags.
#[must_use]
pub fn channel(initial: Config) -> (ConfigSender, ConfigReceiver) {
    watch::channel(Arc::new(initial))
}

impl Config {
    /// The config of a gateway that has seen nothing yet.
    #[must_use]
    pub fn empty(region: &str, member: &str) -> Self {
        Self {
            identity: Identity { federation: String::new(), region: region.into(), member: member.into() },
            ..Self::default()
        }
    }

    /// Whether objects or a snapshot have been loaded.
    #[must_use]
    pub const fn is_loaded(&self) -> bool {
        self.generation > 0
    }

    /// How much would be missed of it.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let servable = |route: &&Route| {
            let backend = self.backends.get(&route.backend);
            backend.is_some_and(|backend| !backend.ready.is_empty() || !backend.terminating.is_empty())
        };
        Holdings {
            routes: self.routes.routes().iter().filter(servable).count(),
            priorities: self.priorities.len(),
            peers: self.peers.len(),
        }
    }

    /// The peers that are not this gateway.
    pub fn other_peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.member != self.identity.member)
    }
}
