//! One probe: a request on a connection of its own, so that it takes the full path and learns of nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::body;
use crate::config::Protocol;
use crate::mtls::tcp;

/// Whom gateways ask as.
pub(crate) const AGENT_NAME: &str = "spillway-probe";
const AGENT: HeaderValue = HeaderValue::from_static(AGENT_NAME);

/// Asks `address` for `path` as `host`, from `source`. The caller sets the deadline.
pub(super) async fn get(
    address: SocketAddr,
    source: Option<IpAddr>,
    host: &str,
    path: &str,
    protocol: Protocol,
) -> io::Result<StatusCode> {
    let stream = tcp(address, source).await?;
    if protocol == Protocol::H2c {
        return get_http2(stream, host, path).await;
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, host).header(USER_AGENT, AGENT).body(body::empty());
    let response = match request {
        Ok(request) => sender.send_request(request).await.map_err(io::Error::other),
        Err(error) => Err(io::Error::other(error)),
    };
    connection.abort();
    Ok(response?.status())
}

/// What speaks only HTTP/2 (gRPC) answers a GET that it does not know with a status, and that is enough.
async fn get_http2(stream: TcpStream, host: &str, path: &str) -> io::Result<StatusCode> {
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("http://{host}{path}")).header(USER_AGENT, AGENT).body(body::empty());
    let response = match request {
        Ok(request) => sender.send_request(request).await.map_err(io::Error::other),
        Err(error) => Err(io::Error::other(error)),
    };
    connection.abort();
    Ok(response?.status())
}
