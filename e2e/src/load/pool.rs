//! One client's keep-alive connections.
//!
//! A browser keeps a handful of connections and uses the one it used last. When the answer of the DNS changes,
//! it does not break what is under way: new requests go to the new address, and an old connection is closed
//! once its answer is in. That is why a failover by DNS alone is never instant, and why the pool is part of
//! the story.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpSocket, time::timeout};

/// How many idle connections are kept: slow answers overlap, but not for ever.
const MAX_IDLE: usize = 8;

/// How long to wait for a TCP handshake before the next address is tried.
const CONNECT_WAIT: Duration = Duration::from_secs(3);

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    /// The front door's address.
    pub(super) address: IpAddr,
    pub(super) sender: SendRequest<Empty<Bytes>>,
}

/// The idle connections; those in use are with their requests.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Vec<Connection>,
}

impl Pool {
    /// The connection used last to one of `current`; idle ones to elsewhere, or broken, are closed.
    pub(super) fn take(&mut self, current: &[IpAddr]) -> Option<Connection> {
        self.idle
            .retain(|connection| current.contains(&connection.address) && !connection.sender.is_closed());
        let ready = self.idle.iter().rposition(|connection| connection.sender.is_ready())?;
        Some(self.idle.remove(ready))
    }

    /// Gives a connection back after a complete answer.
    pub(super) fn put(&mut self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        if self.idle.len() >= MAX_IDLE {
            self.idle.remove(0);
        }
        self.idle.push(connection);
    }
}

/// Connects from `source` to the first of `addresses` that takes the connection.
pub(super) async fn connect(source: Ipv4Addr, addresses: &[IpAddr], port: u16) -> Result<Connection, String> {
    let mut why = "the answer has no address".to_owned();
    for &address in addresses {
        match timeout(CONNECT_WAIT, connect_one(source, address, port)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address}: no answer within {CONNECT_WAIT:?}"),
        }
    }
    Err(why)
}

async fn connect_one(source: Ipv4Addr, address: IpAddr, port: u16) -> Result<Connection, String> {
    let socket = TcpSocket::new_v4().map_err(|error| error.to_string())?;
    socket.bind(SocketAddr::from((source, 0))).map_err(|error| format!("bind {source}: {error}"))?;
    let stream = socket.connect(SocketAddr::new(address, port)).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, driver) = handshake.map_err(|error| error.to_string())?;
    // The driver ends when the sender is dropped or the other side hangs up; its error reaches the request.
    tokio::spawn(driver);
    Ok(Connection { address, sender })
}
