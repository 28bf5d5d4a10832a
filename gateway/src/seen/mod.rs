//! Requests as people see them: counters by route, a line in the access log, a span in a trace.
//!
//! Each request carries one [`Record`]. Counting is always on; without an access log and without a receiver for
//! traces a record is little more than two counters.

mod body;
mod log;
mod record;
mod settings;
mod trace;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Request};
use tokio_util::sync::CancellationToken;

use crate::config::Identity;
use crate::metrics::Metrics;

use log::AccessLog;
use record::Details;
use trace::{Context, Spans};

pub(crate) use record::Record;
pub use settings::{Endpoint, Observability, Percent};

/// Everything that requests are told to; clones share it.
#[derive(Clone)]
pub(crate) struct Seen {
    inner: Arc<Inner>,
}

struct Inner {
    metrics: Metrics,
    identity: Identity,
    settings: Observability,
    log: Option<AccessLog>,
    spans: Option<Spans>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seen")
    }
}

impl Seen {
    /// Opens what the settings name.
    pub(crate) fn open(settings: Observability, identity: Identity, metrics: Metrics) -> io::Result<Self> {
        let log = match &settings.access_log {
            Some(path) => Some(AccessLog::open(path, metrics.clone())?),
            None => None,
        };
        let spans = settings.otlp_endpoint.clone();
        let spans = spans.map(|endpoint| Spans::start(endpoint, &identity, metrics.clone()));
        Ok(Self { inner: Arc::new(Inner { metrics, identity, settings, log, spans }) })
    }

    /// A request has been received; `came_from` is the region whose gateway forwarded it. Its `traceparent`
    /// becomes ours.
    pub(crate) fn received<B>(
        &self,
        request: &mut Request<B>,
        client: IpAddr,
        came_from: Option<&str>,
    ) -> Record {
        Record::begin(self.clone(), request, client, came_from)
    }

    /// Opens the log's file again whenever SIGHUP says so; at `stop` what is left is written and sent.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if let Some(log) = &self.inner.log {
            log.follow_signals(&stop).await;
        }
        stop.cancelled().await;
        if let Some(spans) = &self.inner.spans {
            spans.finish().await;
        }
        if let Some(log) = &self.inner.log {
            log.finish().await;
        }
    }

    fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    fn region(&self) -> &str {
        &self.inner.identity.region
    }

    fn wants_details(&self) -> bool {
        self.inner.log.is_some() || self.inner.spans.is_some()
    }

    /// The place of this request in its trace, which the next hop is told.
    fn trace(&self, headers: &mut HeaderMap) -> Context {
        let begins = self.inner.spans.as_ref().map(|_| self.inner.settings.trace_percent);
        let context = Context::of(headers, begins);
        context.tell(headers);
        context
    }

    /// Writes the line and the span. Failures are always worth a line.
    fn tell(&self, record: &Record, details: &Details) {
        if let Some(log) = &self.inner.log {
            let failed = details.head.is_some_and(|(status, _)| status.is_server_error());
            if failed || self.inner.settings.access_log_percent.takes(details.trace.random()) {
                log.write(&log::Line::new(record, details, self.inner.settings.access_log_query));
            }
        }
        if let Some(spans) = self.inner.spans.as_ref().filter(|_| details.trace.sampled) {
            spans.send(record, details);
        }
    }
}
