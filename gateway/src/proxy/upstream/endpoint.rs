//! One endpoint: its load and its connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::body::Body;
use crate::coalesce::Coalesce;
use crate::config::Protocol;

/// Shorter than the keep-alive of common servers, so that they rarely close under a request.
const IDLE_LIMIT: Duration = Duration::from_secs(4);
/// More idle connections than that are closed.
const MAX_IDLE: usize = 256;
/// HTTP/2: a connection whose other end has vanished is found by pings.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A backend's address, with what we know of it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    protocol: Protocol,
    in_flight: AtomicUsize,
    idle: Mutex<Vec<Idle>>,
    /// HTTP/2 needs one connection for all requests.
    shared: Mutex<Option<http2::SendRequest<Body>>>,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<Body>,
    since: Instant,
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr, protocol: Protocol) -> Self {
        let (in_flight, idle, shared) = (AtomicUsize::new(0), Mutex::default(), Mutex::default());
        Self { address, protocol, in_flight, idle, shared }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.lock().len()
    }

    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// The idle connection used last, if it still lives.
    pub(super) fn take_idle(&self) -> Option<http1::SendRequest<Body>> {
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
    pub(super) fn put_idle(&self, sender: http1::SendRequest<Body>) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// The shared HTTP/2 connection, if it still lives.
    pub(super) fn shared(&self) -> Option<http2::SendRequest<Body>> {
        self.shared.lock().as_ref().filter(|sender| !sender.is_closed()).cloned()
    }

    /// Opens a connection for one request at a time.
    pub(super) async fn connect(&self, within: Duration) -> Result<http1::SendRequest<Body>, String> {
        let stream = self.open(within).await?;
        let handshake =
            http1::Builder::new().preserve_header_case(false).handshake(TokioIo::new(Coalesce(stream)));
        let (sender, connection) = handshake.await.map_err(|error| error.to_string())?;
        self.drive(connection.with_upgrades());
        Ok(sender)
    }

    /// Opens a connection for all requests from now on. Of several at once the last stays; the others end
    /// with what they carry.
    pub(super) async fn connect_shared(&self, within: Duration) -> Result<http2::SendRequest<Body>, String> {
        let stream = self.open(within).await?;
        let handshake = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|error| error.to_string())?;
        self.drive(connection);
        *self.shared.lock() = Some(sender.clone());
        Ok(sender)
    }

    /// An endpoint that does not accept in time is not there.
    async fn open(&self, within: Duration) -> Result<TcpStream, String> {
        let stream = timeout(within, TcpStream::connect(self.address))
            .await
            .map_err(|_| format!("no connection within {} ms", within.as_millis()))?
            .map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(stream)
    }

    fn drive(&self, connection: impl Future<Output = hyper::Result<()>> + Send + 'static) {
        let address = self.address;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "connection to endpoint ended");
            }
        });
    }
}
