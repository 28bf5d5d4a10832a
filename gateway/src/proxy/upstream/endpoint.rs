//! One endpoint: its load and its idle connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::body::Body;

/// An endpoint of our own region that does not accept within that is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than the keep-alive of common servers, so that they rarely close under a request.
const IDLE_LIMIT: Duration = Duration::from_secs(4);
/// More idle connections than that are closed.
const MAX_IDLE: usize = 256;

/// A backend's address, with what we know of it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    in_flight: AtomicUsize,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Body>,
    since: Instant,
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, in_flight: AtomicUsize::new(0), idle: Mutex::default() }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// The idle connection used last, if it still lives.
    pub(super) fn take_idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock();
        while let Some(Idle { sender, since }) = idle.pop() {
            if since.elapsed() > IDLE_LIMIT {
                // The stack is ordered by age: all below are older.
                idle.clear();
                return None;
            }
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Takes a connection back for the next request.
    pub(super) fn put_idle(&self, sender: SendRequest<Body>) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<SendRequest<Body>, String> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address))
            .await
            .map_err(|_| "no connection within 1 s".to_owned())?
            .map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(false)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let address = self.address;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%address, %error, "connection to endpoint ended");
            }
        });
        Ok(sender)
    }
}
