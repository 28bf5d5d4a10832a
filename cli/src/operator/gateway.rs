//! One gateway, asked over HTTP/2 and mutual TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spillway_decide::commands::{Command, Order};
use spillway_decide::report::Report;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::credential::{Credential, Gateway};
use super::tls;

/// Connecting, asking and answering, for each address.
const DEADLINE: Duration = Duration::from_secs(3);
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// What a gateway knows of commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Known {
    pub(crate) region: String,
    pub(crate) member: String,
    pub(crate) now: String,
    pub(crate) commands: Vec<Command>,
}

/// What a gateway believes, and what was seen of it on the way.
pub(crate) struct Inspected {
    pub(crate) report: Report,
    /// By our clock.
    pub(crate) asked: Timestamp,
    /// By our clock.
    pub(crate) answered: Timestamp,
    /// When its certificate ends.
    pub(crate) expires: Option<Timestamp>,
}

/// An answer.
struct Answer {
    status: StatusCode,
    body: Bytes,
    asked: Timestamp,
    answered: Timestamp,
    expires: Option<Timestamp>,
}

/// Why a gateway did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// It answered, and said no: another one would say the same.
    Refused(String),
    /// It did not answer.
    Unreached(anyhow::Error),
}

impl Gateway {
    /// Gives it an order. `sent` counts how often it went out: an answer may be lost after the order was taken.
    pub(super) async fn order(
        &self,
        credential: &Credential,
        order: &Order,
        sent: &mut u32,
    ) -> Result<Known, Failure> {
        let body = serde_json::to_vec(order).map_err(|error| Failure::Unreached(error.into()))?;
        let answer =
            self.ask(credential, Method::POST, "commands", body, sent).await.map_err(Failure::Unreached)?;
        if answer.status != StatusCode::OK {
            let said = String::from_utf8_lossy(&answer.body);
            let said = said.trim().trim_start_matches("spillway: ").to_owned();
            return Err(Failure::Refused(said));
        }
        serde_json::from_slice(&answer.body).map_err(|error| Failure::Unreached(error.into()))
    }

    /// The commands that it knows.
    pub(super) async fn commands(&self, credential: &Credential) -> Result<Known> {
        Ok(self.get(credential, "commands").await?.0)
    }

    /// What it believes and does.
    pub(super) async fn report(&self, credential: &Credential) -> Result<Report> {
        Ok(self.inspect(credential).await?.report)
    }

    /// The same, with its clock and its certificate.
    pub(super) async fn inspect(&self, credential: &Credential) -> Result<Inspected> {
        let (report, Answer { asked, answered, expires, .. }) = self.get(credential, "report").await?;
        Ok(Inspected { report, asked, answered, expires })
    }

    async fn get<T: DeserializeOwned>(&self, credential: &Credential, what: &str) -> Result<(T, Answer)> {
        let answer = self.ask(credential, Method::GET, what, Vec::new(), &mut 0).await?;
        if answer.status != StatusCode::OK {
            bail!("answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body).trim());
        }
        let read = serde_json::from_slice(&answer.body);
        Ok((read.with_context(|| format!("its {what} cannot be read"))?, answer))
    }

    async fn ask(
        &self,
        credential: &Credential,
        method: Method,
        what: &str,
        body: Vec<u8>,
        sent: &mut u32,
    ) -> Result<Answer> {
        let tls = tls::config(credential, self)?;
        let mut failed = anyhow!("it has no address");
        for address in &self.addresses {
            let asked = ask_at(*address, Arc::clone(&tls), &method, what, body.clone(), sent);
            match timeout(DEADLINE, asked).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => failed = error.context(format!("at {address}")),
                Err(_) => failed = anyhow!("at {address}: no answer within {} s", DEADLINE.as_secs()),
            }
        }
        Err(failed)
    }
}

async fn ask_at(
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    method: &Method,
    what: &str,
    body: Vec<u8>,
    sent: &mut u32,
) -> Result<Answer> {
    let tcp = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(tls).connect(ServerName::IpAddress(address.ip().into()), tcp).await?;
    let chain = stream.get_ref().1.peer_certificates();
    let expires = chain.and_then(<[_]>::first).and_then(tls::ends);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("https://{address}/.well-known/spillway/{what}"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let asked = Timestamp::now();
    *sent += 1;
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        // What the gateway thinks of our certificate is told by the connection, not by the request.
        Err(error) => return Err(driver.await.ok().and_then(Result::err).unwrap_or(error).into()),
    };
    let (status, answered) = (response.status(), Timestamp::now());
    let collected = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let body = collected.map_err(|error| anyhow!("{error}"))?.to_bytes();
    Ok(Answer { status, body, asked, answered, expires })
}
