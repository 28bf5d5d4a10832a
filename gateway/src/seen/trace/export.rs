//! Spans on their way to a receiver: OTLP over HTTP, protobuf, in batches.
//!
//! A request hands its span to a bounded queue and goes on; what does not fit is dropped and counted. The
//! messages are `opentelemetry-proto`'s; the SDK's own exporter would bring a second HTTP client and, for each
//! request, spans in another form first.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::span::{span, text};
use crate::config::Identity;
use crate::metrics::Metrics;
use crate::seen::record::{Details, Record};
use crate::seen::settings::Endpoint;

/// Spans that wait; about 1 KiB each.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
/// A batch that is not full leaves by then.
const GATHER: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_secs(5);
/// The pauses before a batch is sent again; after the last it is lost.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
const MAX_RESPONSE: usize = 64 << 10;
/// Whose names the attributes are.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// The queue of spans.
pub(in crate::seen) struct Spans {
    queue: mpsc::Sender<Span>,
    metrics: Metrics,
    ending: CancellationToken,
    exporter: Mutex<Option<JoinHandle<()>>>,
}

impl Spans {
    /// Begins to send to `endpoint`, wherever it is by then.
    pub(in crate::seen) fn start(endpoint: Endpoint, identity: &Identity, metrics: Metrics) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let ending = CancellationToken::new();
        let exporter = Exporter {
            client: Client::builder(TokioExecutor::new()).build_http(),
            endpoint: endpoint.0,
            resource: resource(identity),
            metrics: metrics.clone(),
            ending: ending.clone(),
            broken: false,
        };
        let exporter = Mutex::new(Some(tokio::spawn(exporter.run(waiting))));
        Self { queue, metrics, ending, exporter }
    }

    /// Hands over the span of a request that has ended.
    pub(in crate::seen) fn send(&self, record: &Record, details: &Details) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(span(record, details)),
            Err(_) => self.metrics.spans_lost(1),
        }
    }

    /// Sends what is left, once.
    pub(in crate::seen) async fn finish(&self) {
        self.ending.cancel();
        let exporter = self.exporter.lock().take();
        if let Some(exporter) = exporter
            && let Err(error) = exporter.await
        {
            tracing::warn!(%error, "the last spans may be lost");
        }
    }
}

struct Exporter {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoint: Uri,
    resource: Resource,
    metrics: Metrics,
    ending: CancellationToken,
    /// Said once, until it works again.
    broken: bool,
}

impl Exporter {
    async fn run(mut self, mut waiting: mpsc::Receiver<Span>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.gather(&mut waiting, &mut batch).await;
            if batch.is_empty() {
                return;
            }
            let spans = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            let count = spans.len() as u64;
            let body = Bytes::from(self.request(spans).encode_to_vec());
            if let Err(error) = self.deliver(&body).await {
                self.metrics.spans_lost(count);
                if !std::mem::replace(&mut self.broken, true) {
                    tracing::warn!(endpoint = %self.endpoint, error, "spans cannot be delivered; they are counted as lost");
                }
            } else if std::mem::take(&mut self.broken) {
                tracing::info!(endpoint = %self.endpoint, "spans are delivered again");
            }
        }
    }

    /// Waits for spans; none come any more when the batch stays empty.
    async fn gather(&self, waiting: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
        tokio::select! {
            _ = waiting.recv_many(batch, BATCH) => {}
            () = self.ending.cancelled() => waiting.close(),
        }
        let deadline = Instant::now() + GATHER;
        while batch.len() < BATCH {
            let more = async {
                tokio::select! {
                    biased;
                    got = waiting.recv_many(batch, BATCH - batch.len()) => got > 0,
                    () = self.ending.cancelled(), if !waiting.is_closed() => false,
                }
            };
            if !matches!(timeout_at(deadline, more).await, Ok(true)) {
                return;
            }
        }
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: SCHEMA.to_owned() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, schema_url: SCHEMA.to_owned() }];
        ExportTraceServiceRequest { resource_spans }
    }

    /// Tries again where OTLP says that it may help.
    async fn deliver(&self, body: &Bytes) -> Result<(), String> {
        let mut pauses = AGAIN.iter();
        loop {
            let (error, may_help) = match timeout(ATTEMPT, self.attempt(body.clone())).await {
                Ok(Ok(rejected)) => {
                    self.metrics.spans_lost(rejected);
                    return Ok(());
                }
                Ok(Err(refused)) => refused,
                Err(_) => (format!("no answer within {ATTEMPT:?}"), true),
            };
            let pause = pauses.next().filter(|_| may_help && !self.ending.is_cancelled());
            let Some(pause) = pause else { return Err(error) };
            tokio::select! {
                () = sleep(*pause) => {}
                () = self.ending.cancelled() => {}
            }
        }
    }

    /// How many spans the receiver took but could not use; or why it did not take them, and whether it may
    /// later.
    async fn attempt(&self, body: Bytes) -> Result<u64, (String, bool)> {
        let request = Request::post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(body))
            .map_err(|error| (error.to_string(), false))?;
        let response = self.client.request(request).await.map_err(|error| (error.to_string(), true))?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), MAX_RESPONSE).collect().await;
        if !status.is_success() {
            let may_help = [
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ];
            return Err((format!("the receiver answered {status}"), may_help.contains(&status)));
        }
        let answer = answer.ok().and_then(|body| ExportTraceServiceResponse::decode(body.to_bytes()).ok());
        let rejected = answer.and_then(|answer| answer.partial_success).map_or(0, |some| some.rejected_spans);
        Ok(u64::try_from(rejected).unwrap_or_default())
    }
}

fn resource(identity: &Identity) -> Resource {
    let attributes = [
        text("service.name", Some(env!("CARGO_PKG_NAME"))),
        text("service.version", Some(env!("CARGO_PKG_VERSION"))),
        text("service.namespace", Some("spillway")),
        text("spillway.region", Some(identity.region.as_str())),
        text("spillway.member", Some(identity.member.as_str())),
    ];
    Resource { attributes: attributes.into_iter().flatten().collect(), ..Resource::default() }
}
