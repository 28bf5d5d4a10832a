//! Small HTTP requests to control and admin ports: a connection each, so that nothing is shared between
//! tests or outlives a process that was just killed.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// A control port answers at once or is not there.
const DEADLINE: Duration = Duration::from_secs(5);

/// GET, and the body as JSON.
pub(super) async fn get<T: DeserializeOwned>(server: SocketAddrV4, path: &str) -> Result<T> {
    let body = send(Method::GET, server, path, Bytes::new()).await?;
    serde_json::from_slice(&body)
        .with_context(|| format!("http://{server}{path} said {}", String::from_utf8_lossy(&body)))
}

/// GET, when only the status matters.
pub(super) async fn check(server: SocketAddrV4, path: &str) -> Result<()> {
    send(Method::GET, server, path, Bytes::new()).await.map(drop)
}

/// PUT of JSON.
pub(super) async fn put<T: Serialize>(server: SocketAddrV4, path: &str, body: &T) -> Result<()> {
    send(Method::PUT, server, path, serde_json::to_vec(body)?.into()).await.map(drop)
}

/// DELETE.
pub(super) async fn delete(server: SocketAddrV4, path: &str) -> Result<()> {
    send(Method::DELETE, server, path, Bytes::new()).await.map(drop)
}

async fn send(method: Method, server: SocketAddrV4, path: &str, body: Bytes) -> Result<Bytes> {
    let what = format!("{method} http://{server}{path}");
    tokio::time::timeout(DEADLINE, exchange(method, server, path, body))
        .await
        .with_context(|| format!("{what}: no answer within {DEADLINE:?}"))?
        .context(what)
}

async fn exchange(method: Method, server: SocketAddrV4, path: &str, body: Bytes) -> Result<Bytes> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", server.to_string())
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}
