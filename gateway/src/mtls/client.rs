//! The client side between gateways: one pooled HTTP/2 connection a peer, opened when first needed.
//!
//! What matters to the caller of a failed [`PeerClient::send`] is whether the request can still go somewhere
//! else: [`SendFailure::unsent`] gives it back when it provably never left this process.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use parking_lot::Mutex;
use rustls::ClientConfig;
use spillway_decide::Peer;
use thiserror::Error;

use super::connect::connect;
use super::tls;
use crate::body::Body;
use crate::config::{ConfigReceiver, Credentials};

/// After a failed connect the next callers are told at once instead of queueing for the same second.
const RETRY_AFTER: Duration = Duration::from_millis(300);

/// Sends requests to peers; cheap to clone, all clones share the connections.
#[derive(Clone)]
pub struct PeerClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: ConfigReceiver,
    source: Option<IpAddr>,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// The connection to one peer; the lock is held while one caller connects, and the others wait for it.
#[derive(Default)]
struct Slot {
    state: tokio::sync::Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    live: Option<Live>,
    failed: Option<(Instant, PeerError)>,
}

struct Live {
    sender: SendRequest<Body>,
    addresses: Vec<SocketAddr>,
    credentials: Arc<Credentials>,
}

/// Why a peer could not be asked.
#[derive(Clone, Debug, Error)]
pub enum PeerError {
    /// The hub has not delivered our certificate yet.
    #[error("no credentials yet: the identity Secret has not been delivered")]
    NoCredentials,
    /// Our own Secret is unusable.
    #[error("{0}")]
    Credentials(String),
    /// The peer's object names no spill address.
    #[error("the peer has no spill address")]
    NoAddress,
    /// TCP, TLS or HTTP/2 could not be set up.
    #[error("{address}: {reason}")]
    Connect {
        /// The last address tried.
        address: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// The connection broke while the request was on its way.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// A send that brought no response.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct SendFailure {
    /// What happened.
    pub error: PeerError,
    /// The request, if it provably was not sent.
    pub unsent: Option<Box<Request<Body>>>,
}

impl PeerClient {
    /// A client that reads its credentials from the latest config and connects from `source`.
    #[must_use]
    pub fn new(config: ConfigReceiver, source: Option<IpAddr>) -> Self {
        Self { inner: Arc::new(Inner { config, source, slots: Mutex::default() }) }
    }

    /// Sends `request` to `peer`. The URI needs an authority; its scheme and authority go to the peer as they
    /// are and decide nothing about where to connect. No deadline is put on the response.
    pub async fn send(&self, peer: &Peer, request: Request<Body>) -> Result<Response<Incoming>, SendFailure> {
        match self.attempt(peer, request).await {
            // A pooled connection turned out to be closed before anything was written: once more, afresh.
            Err(SendFailure { error: PeerError::Broken(_), unsent: Some(request) }) => {
                self.attempt(peer, *request).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, peer: &Peer, request: Request<Body>) -> Result<Response<Incoming>, SendFailure> {
        let mut sender = match self.sender(peer).await {
            Ok(sender) => sender,
            Err(error) => return Err(SendFailure { error, unsent: Some(Box::new(request)) }),
        };
        sender.try_send_request(request).await.map_err(|mut failure| {
            let unsent = failure.take_message().map(Box::new);
            SendFailure { error: PeerError::Broken(failure.into_error().to_string()), unsent }
        })
    }

    async fn sender(&self, peer: &Peer) -> Result<SendRequest<Body>, PeerError> {
        let asked = Instant::now();
        let slot = Arc::clone(self.inner.slots.lock().entry(peer.identity.clone()).or_default());
        let mut state = slot.state.lock().await;
        let credentials = self.credentials()?;
        let addresses = spill_addresses(peer);
        if let Some(live) = state.live.as_ref().filter(|live| live.serves(&addresses, &credentials)) {
            return Ok(live.sender.clone());
        }
        if let Some((at, error)) = &state.failed
            && (*at >= asked || at.elapsed() < RETRY_AFTER)
        {
            return Err(error.clone());
        }
        match self.open(peer, &addresses, &credentials).await {
            Ok(sender) => {
                state.live = Some(Live { sender: sender.clone(), addresses, credentials });
                state.failed = None;
                Ok(sender)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn open(
        &self,
        peer: &Peer,
        addresses: &[SocketAddr],
        credentials: &Credentials,
    ) -> Result<SendRequest<Body>, PeerError> {
        let tls: Arc<ClientConfig> = tls::client_config(credentials, &peer.identity)
            .map_err(|error| PeerError::Credentials(error.to_string()))?;
        connect(addresses, self.inner.source, &tls).await
    }

    fn credentials(&self) -> Result<Arc<Credentials>, PeerError> {
        self.inner.config.borrow().credentials.clone().ok_or(PeerError::NoCredentials)
    }
}

impl Live {
    /// Whether new requests may use this connection. With renewed credentials or moved addresses it only
    /// finishes what it carries.
    fn serves(&self, addresses: &[SocketAddr], credentials: &Arc<Credentials>) -> bool {
        !self.sender.is_closed()
            && self.addresses == addresses
            && (Arc::ptr_eq(&self.credentials, credentials) || self.credentials == *credentials)
    }
}

fn spill_addresses(peer: &Peer) -> Vec<SocketAddr> {
    peer.spill.addresses.iter().map(|address| SocketAddr::new(*address, peer.spill.port)).collect()
}
