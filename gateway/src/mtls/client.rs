//! The client side between gateways: one pooled HTTP/2 connection a peer, opened when first needed.
//!
//! What matters to the caller of a failed [`PeerClient::send`] is whether the request can still go somewhere
//! else: [`SendFailure::unsent`] gives it back when it provably never left this process.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use parking_lot::Mutex;
use rustls::ClientConfig;
use spillway_decide::Peer;
use thiserror::Error;

use super::connect::connect;
use super::error::PeerError;
use super::tls;
use crate::body::Body;
use crate::config::{Config, ConfigReceiver, Credentials};

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

/// The connection to one peer, or the attempt at one: a task of its own that all callers wait for together, so
/// that it outlives a caller who gives up. The lock is never held while anybody waits.
type Slot = Mutex<SlotState>;

#[derive(Default)]
struct SlotState {
    live: Option<Live>,
    failed: Option<(Instant, PeerError)>,
    attempt: Option<Attempt>,
}

type Connected = Result<SendRequest<Body>, PeerError>;
type Attempt = Shared<BoxFuture<'static, Connected>>;

struct Live {
    sender: SendRequest<Body>,
    addresses: Vec<SocketAddr>,
    credentials: Arc<Credentials>,
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

    /// Lets go of the connections to peers that the config no longer names; what they carry is finished.
    pub(crate) fn retain(&self, config: &Config) {
        let named = |identity: &String| config.peers.iter().any(|peer| peer.identity == *identity);
        self.inner.slots.lock().retain(|identity, _| named(identity));
    }

    async fn sender(&self, peer: &Peer) -> Connected {
        let slot = Arc::clone(self.inner.slots.lock().entry(peer.identity.clone()).or_default());
        let credentials = self.credentials()?;
        let addresses = spill_addresses(peer);
        let attempt = {
            let mut state = slot.lock();
            if let Some(live) = state.live.as_ref().filter(|live| live.serves(&addresses, &credentials)) {
                return Ok(live.sender.clone());
            }
            match (&state.attempt, &state.failed) {
                (Some(attempt), _) => attempt.clone(),
                (None, Some((at, error))) if at.elapsed() < RETRY_AFTER => return Err(error.clone()),
                (None, _) => {
                    let attempt = self.open(peer, Arc::clone(&slot), addresses, credentials)?;
                    state.attempt.insert(attempt).clone()
                }
            }
        };
        attempt.await
    }

    /// Begins to connect; the outcome is in the slot before anybody is told of it.
    fn open(
        &self,
        peer: &Peer,
        slot: Arc<Slot>,
        addresses: Vec<SocketAddr>,
        credentials: Arc<Credentials>,
    ) -> Result<Attempt, PeerError> {
        let tls: Arc<ClientConfig> = tls::client_config(&credentials, &peer.identity)
            .map_err(|error| PeerError::Credentials(error.to_string()))?;
        let source = self.inner.source;
        let task = tokio::spawn(async move {
            let connected = connect(&addresses, source, &tls).await;
            let mut state = slot.lock();
            state.attempt = None;
            match &connected {
                Ok(sender) => {
                    state.live = Some(Live { sender: sender.clone(), addresses, credentials });
                    state.failed = None;
                }
                Err(error) => state.failed = Some((Instant::now(), error.clone())),
            }
            connected
        });
        let outcome =
            task.map(|ended| ended.unwrap_or_else(|error| Err(PeerError::Broken(error.to_string()))));
        Ok(outcome.boxed().shared())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[tokio::test]
    async fn peers_that_are_gone_are_forgotten() {
        let named = |name: &str| Peer { identity: name.to_owned(), ..Peer::default() };
        let client = PeerClient::new(config::channel(Config::default()).1, None);
        for name in ["stays", "goes"] {
            assert!(matches!(client.sender(&named(name)).await, Err(PeerError::NoCredentials)));
        }
        client.retain(&Config { peers: vec![named("stays")], ..Config::default() });
        assert_eq!(client.inner.slots.lock().keys().collect::<Vec<_>>(), ["stays"]);
    }
}
