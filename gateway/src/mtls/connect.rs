//! One connection to one peer: TCP from the wanted source address, TLS to the exact identity, HTTP/2.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_ok;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::error::PeerError;
use crate::body::Body;

/// TCP and TLS together, over all addresses; a peer that needs longer is not worth spilling to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Pings find a peer that vanished without a word.
const PING_INTERVAL: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// Spill carries whole regions' traffic over few connections: windows wide enough for a long fat path.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Opens TCP to `address`, from `source` if one is set.
pub(crate) async fn tcp(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects to the first of `addresses` that answers as it should. All share one deadline: each is begun a
/// little after the one before it, so that the last, too, has half of the time.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    source: Option<IpAddr>,
    tls: &Arc<ClientConfig>,
) -> Result<SendRequest<Body>, PeerError> {
    let Some(first) = addresses.first() else { return Err(PeerError::NoAddress) };
    let apart = CONNECT_TIMEOUT / 2 / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let attempts = (0..).zip(addresses).map(|(number, address)| {
        Box::pin(async move {
            sleep(apart * number).await;
            connect_one(*address, source, tls).await
        })
    });
    match timeout(CONNECT_TIMEOUT, select_ok(attempts)).await {
        Ok(Ok((sender, _))) => Ok(sender),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(PeerError::Connect { address: *first, reason: "no connection within 1 s".into() }),
    }
}

async fn connect_one(
    address: SocketAddr,
    source: Option<IpAddr>,
    tls: &Arc<ClientConfig>,
) -> Result<SendRequest<Body>, PeerError> {
    let failed = |reason: String| PeerError::Connect { address, reason };
    let tcp = tcp(address, source).await.map_err(|error| failed(error.to_string()))?;
    let name = ServerName::IpAddress(address.ip().into());
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, tcp)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.to_string()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%address, %error, "connection to peer ended");
        }
    });
    Ok(sender)
}
