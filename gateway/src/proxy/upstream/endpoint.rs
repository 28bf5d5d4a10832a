//! One endpoint: its load and its connections. Those of HTTP/1.1 carry one request at a time, and are of two kinds: hyper's,
//! and those of the short way.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::Wire;
use crate::body::Body;
use crate::coalesce::Coalesce;
use crate::config::Protocol;
use crate::turn::{Turn, Turned};

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
    turn: Option<Turn>,
    in_flight: AtomicUsize,
    idle: Stack<http1::SendRequest<Body>>,
    idle_wires: Stack<Wire>,
    /// HTTP/2 needs one connection for all requests.
    shared: Mutex<Option<http2::SendRequest<Body>>>,
}

/// Idle connections, the one used last on top.
#[derive(Debug)]
struct Stack<C>(Mutex<Vec<(C, Instant)>>);

impl<C> Default for Stack<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C> Stack<C> {
    fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// The connection used last that still lives.
    fn take(&self, lives: impl Fn(&C) -> bool) -> Option<C> {
        let mut idle = self.0.lock();
        while let Some((connection, since)) = idle.pop() {
            if since.elapsed() > IDLE_LIMIT {
                // The stack is ordered by age: all below are older.
                idle.clear();
                return None;
            }
            if lives(&connection) {
                return Some(connection);
            }
        }
        None
    }

    fn put(&self, connection: C, now: Instant) {
        let mut idle = self.0.lock();
        if idle.len() < MAX_IDLE {
            idle.push((connection, now));
        }
    }

    /// Closes what has been idle for too long, or is at its end.
    fn sweep(&self, lives: impl Fn(&C) -> bool) {
        self.0.lock().retain(|(connection, since)| since.elapsed() <= IDLE_LIMIT && lives(connection));
    }
}

impl Endpoint {
    pub(super) fn new(address: SocketAddr, protocol: Protocol, turn: Option<Turn>) -> Self {
        let (idle, idle_wires, shared) = (Stack::default(), Stack::default(), Mutex::default());
        Self { address, protocol, turn, in_flight: AtomicUsize::new(0), idle, idle_wires, shared }
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
        self.idle.len() + self.idle_wires.len()
    }

    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// An idle connection, if one still lives.
    pub(super) fn take_idle(&self) -> Option<http1::SendRequest<Body>> {
        self.idle.take(http1::SendRequest::is_ready)
    }

    /// Takes a connection back for the next request.
    pub(super) fn put_idle(&self, sender: http1::SendRequest<Body>) {
        self.idle.put(sender, Instant::now());
    }

    /// As [`Self::take_idle`], for the short way.
    pub(super) fn take_wire(&self) -> Option<Wire> {
        self.idle_wires.take(Wire::is_silent)
    }

    /// As [`Self::put_idle`], for the short way.
    pub(super) fn put_wire(&self, wire: Wire, now: Instant) {
        if wire.is_silent() {
            self.idle_wires.put(wire, now);
        }
    }

    /// Closes connections that nobody needed for a while: nobody else would notice that their other end is gone.
    pub(super) fn sweep(&self) {
        self.idle.sweep(http1::SendRequest::is_ready);
        self.idle_wires.sweep(Wire::is_silent);
    }

    /// The shared HTTP/2 connection, if it still lives.
    pub(super) fn shared(&self) -> Option<http2::SendRequest<Body>> {
        self.shared.lock().as_ref().filter(|sender| !sender.is_closed()).cloned()
    }

    /// Opens a connection for the short way.
    pub(super) async fn connect_wire(&self, within: Duration) -> Result<Wire, String> {
        let stream = self.open(within).await?;
        Ok(Wire::new(Turned::new(stream, self.turn.clone())))
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
