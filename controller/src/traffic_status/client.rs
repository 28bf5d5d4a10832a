//! Asking one gateway for its report: HTTP/2 over mutual TLS, the gateway known by its URI name.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use spillway_decide::report::Report;
use spillway_identity::{Expected, Material};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::identity::Certificate;

/// All of one question: connecting, asking, answering.
const DEADLINE: Duration = Duration::from_secs(2);
/// Largest report that is read: 64 regions in some hundred priorities.
const MAX_REPORT_BYTES: usize = 4 << 20;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nothing within the deadline.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// TCP or TLS.
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    /// Our own identity is not usable.
    #[error("identity of the hub: {0}")]
    Identity(String),
    /// HTTP.
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    /// Another answer than a report.
    #[error("the gateway answered {0}")]
    Status(hyper::StatusCode),
    /// Not a report.
    #[error("the answer is no report: {0}")]
    Body(String),
}

/// A connection to a gateway, kept while it works.
pub(crate) type Connection = http2::SendRequest<Empty<Bytes>>;

/// Asks over a connection that is there, or a new one; gives it back if it goes on working.
pub(crate) async fn ask(
    kept: Option<Connection>,
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> Result<(Report, Connection), AskError> {
    let all = async {
        let mut connection = match kept.filter(|kept| !kept.is_closed()) {
            Some(kept) => kept,
            None => connect(address, config).await?,
        };
        let report = get(&mut connection, address).await?;
        Ok((report, connection))
    };
    timeout(DEADLINE, all).await.map_err(|_| AskError::Deadline)?
}

async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> Result<Connection, AskError> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::IpAddress(address.ip().into());
    let tls = TlsConnector::from(config).connect(name, tcp).await?;
    let (connection, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await?;
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%address, %error, "a gateway's connection ended");
        }
    });
    Ok(connection)
}

async fn get(connection: &mut Connection, address: SocketAddr) -> Result<Report, AskError> {
    connection.ready().await?;
    let uri = format!("https://{address}/.well-known/spillway/report");
    let request = Request::get(uri).body(Empty::new()).map_err(|error| AskError::Body(error.to_string()))?;
    let response = connection.send_request(request).await?;
    if !response.status().is_success() {
        return Err(AskError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_REPORT_BYTES).collect().await;
    let body = body.map_err(|error| AskError::Body(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| AskError::Body(error.to_string()))
}

/// How we present ourselves, and whom we take for the gateway called `uri`.
pub(crate) fn config(identity: &Certificate, bundle: &str, uri: &str) -> Result<Arc<ClientConfig>, AskError> {
    Material::parse(&identity.certificate, &identity.key, bundle)
        .and_then(|material| material.client(Expected::Exactly(uri.to_owned())))
        .map(Arc::new)
        .map_err(|error| AskError::Identity(error.to_string()))
}
