//! Telling a peer what we see, and hearing what it sees: each second, and at once when something changed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use spillway_decide::Peer;
use spillway_decide::report::Report;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Traffic;
use crate::body;
use crate::mtls::{PeerClient, SendFailure};

const PERIOD: Duration = Duration::from_secs(1);
/// Half of what a report is good for, so that one lost exchange is no silence.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// As much as the other side takes in.
const MAX_REPORT_BYTES: usize = 4 << 20;

/// Why an exchange told us nothing.
#[derive(Debug, Error)]
enum ExchangeError {
    #[error("no answer within {} ms", TIMEOUT.as_millis())]
    Silence,
    #[error(transparent)]
    Send(#[from] SendFailure),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("its report could not be read: {0}")]
    Body(String),
    #[error("it reports as member {0:?}")]
    Stranger(String),
}

/// Exchanges until `stop`. Raises `doubt` when the peer does not answer.
pub(super) async fn talk(
    traffic: Traffic,
    peer: Arc<Peer>,
    client: PeerClient,
    doubt: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut urgent = traffic.inner.urgent.subscribe();
    let mut silent = false;
    loop {
        urgent.mark_unchanged();
        let outcome = timeout(TIMEOUT, exchange(&traffic, &peer, &client)).await;
        let outcome = outcome.unwrap_or(Err(ExchangeError::Silence));
        traffic.count(outcome.is_ok());
        let told = outcome.as_ref().map(drop).map_err(ToString::to_string);
        traffic.inner.contacts.lock().answered(traffic.inner.clock.now(), &peer.member, told);
        match outcome {
            Ok(report) => {
                traffic.hear(report);
                if std::mem::take(&mut silent) {
                    tracing::info!(member = peer.member, region = peer.region, "peer answers again");
                }
            }
            Err(error) => {
                doubt.notify_one();
                if !std::mem::replace(&mut silent, true) {
                    tracing::info!(member = peer.member, region = peer.region, %error, "peer does not answer");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(PERIOD) => {}
            _ = urgent.changed() => {}
        }
    }
}

async fn exchange(traffic: &Traffic, peer: &Peer, client: &PeerClient) -> Result<Report, ExchangeError> {
    let request = request(peer, &traffic.report()).map_err(|error| ExchangeError::Body(error.to_string()))?;
    let response = client.send(peer, request).await?;
    if response.status() != StatusCode::OK {
        return Err(ExchangeError::Status(response.status()));
    }
    let collected = Limited::new(response.into_body(), MAX_REPORT_BYTES).collect().await;
    let bytes: Bytes = collected.map_err(|error| ExchangeError::Body(error.to_string()))?.to_bytes();
    let report: Report =
        serde_json::from_slice(&bytes).map_err(|error| ExchangeError::Body(error.to_string()))?;
    if (&report.member, &report.region) == (&peer.member, &peer.region) {
        Ok(report)
    } else {
        Err(ExchangeError::Stranger(report.member))
    }
}

fn request(peer: &Peer, report: &Report) -> anyhow::Result<Request<body::Body>> {
    let address = peer.spill.addresses.first().map_or_else(|| "peer".to_owned(), ToString::to_string);
    let host = if address.contains(':') { format!("[{address}]") } else { address };
    let request = Request::post(format!("https://{host}:{}/.well-known/spillway/exchange", peer.spill.port))
        .header(CONTENT_TYPE, "application/json")
        .body(body::full(serde_json::to_vec(report)?))?;
    Ok(request)
}

impl Traffic {
    fn count(&self, answered: bool) {
        let counters = &self.inner.counters;
        let counter = if answered { &counters.exchanges } else { &counters.failed_exchanges };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
