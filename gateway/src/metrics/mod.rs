//! What the gateway counts, for Prometheus and for `/debug/state`.

mod labels;
mod routes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use http::HeaderName;
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use spillway_decide::routes::Route;
use spillway_identity::expiry_of_pem;

use crate::config::Config;
use labels::{
    DnsLabels, HeaderLabels, IdentityLabels, ListenerLabels, RegionLabels, ServedLabels, TouchLabels,
};
use routes::Routes;

pub(crate) use labels::Served;
pub(crate) use routes::{Answered, RouteHandle};

/// More routes than that are counted together, so that the number of series has a bound.
pub const MAX_ROUTES: usize = 1000;

/// The counters' handle; clones share everything.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: RwLock<Registry>,
    series: Series,
    routes: Arc<Routes>,
    latency: Latency,
}

#[derive(Default)]
struct Series {
    latency: LatencyFamily,
    locations_rewritten: Family<HeaderLabels, Counter>,
    locations_invalid: Counter,
    upstream_failures: Counter,
    retries: Counter,
    spilled: Family<RegionLabels, Counter>,
    touched: Family<TouchLabels, Counter>,
    spill_came_back: Counter,
    dns_queries: Family<DnsLabels, Counter>,
    identity_expiry: Family<IdentityLabels, Gauge<i64, AtomicI64>>,
    config_generation: Gauge<u64, AtomicU64>,
    config_routes: Gauge<u64, AtomicU64>,
    config_rejected: Gauge<u64, AtomicU64>,
    config_refused: Gauge<u64, AtomicU64>,
    config_held: Gauge<u64, AtomicU64>,
    accept_failures: Family<ListenerLabels, Counter>,
    snapshot_failures: Counter,
    access_log_lost: Counter,
    spans_lost: Counter,
    totals: Totals,
}

/// The histograms of the family, found without hashing.
struct Latency {
    here: Histogram,
    here_for_other: Histogram,
    by_other: Histogram,
}

impl Latency {
    fn of(family: &LatencyFamily) -> Self {
        let histogram = |served| family.0.get_or_create(&ServedLabels { served }).clone();
        Self {
            here: histogram(Served::Here),
            here_for_other: histogram(Served::HereForOther),
            by_other: histogram(Served::ByOther),
        }
    }
}

/// Histograms have no default buckets, so that their family needs one of its own.
struct LatencyFamily(Family<ServedLabels, Histogram, fn() -> Histogram>);

impl Default for LatencyFamily {
    fn default() -> Self {
        Self(Family::new_with_constructor(latency_histogram))
    }
}

/// Sums over all labels.
#[derive(Default)]
struct Totals {
    requests: Counter,
    locations: Counter,
    spilled: Counter,
    dns: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Fresh counters in a registry of their own.
    #[must_use]
    pub fn new() -> Self {
        Self::with_routes(MAX_ROUTES)
    }

    /// Fresh counters; at most `most` routes have series of their own.
    #[must_use]
    pub fn with_routes(most: usize) -> Self {
        let (series, routes) = (Series::default(), Arc::new(Routes::new(most)));
        let latency = Latency::of(&series.latency);
        let mut registry = Registry::with_prefix("spillway_gateway");
        series.register(&mut registry);
        registry.register_collector(Box::new(routes::Encoder(Arc::clone(&routes))));
        Self { inner: Arc::new(Inner { registry: RwLock::new(registry), series, routes, latency }) }
    }

    /// Adds the figures of another part of the gateway, read from it when Prometheus asks.
    pub fn extend(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.inner.registry.write());
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.inner.registry.read())
        {
            tracing::warn!(%error, "metrics could not be written");
        }
        text
    }

    /// The sums that `/debug/state` shows.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, u64> {
        let series = &self.inner.series;
        [
            ("requests", series.totals.requests.get()),
            ("locationsRewritten", series.totals.locations.get()),
            ("locationsInvalid", series.locations_invalid.get()),
            ("spilled", series.totals.spilled.get()),
            ("spillCameBack", series.spill_came_back.get()),
            ("upstreamFailures", series.upstream_failures.get()),
            ("retries", series.retries.get()),
            ("dnsQueries", series.totals.dns.get()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Where the requests of a route are counted.
    pub(crate) fn route(&self, config: &Config, route: &Route) -> Arc<RouteHandle> {
        self.inner.routes.resolve(config, route)
    }

    /// Counts a request, when the head of its response is there.
    pub(crate) fn answered(&self, route: Option<&RouteHandle>, answered: Answered<'_>) {
        self.inner.routes.answered(route, answered);
        self.inner.series.totals.requests.inc();
        let latency = &self.inner.latency;
        let histogram = match answered.served {
            Served::Here => &latency.here,
            Served::HereForOther => &latency.here_for_other,
            Served::ByOther => &latency.by_other,
            Served::Nobody => return,
        };
        histogram.observe(answered.latency.as_secs_f64());
    }

    /// Lines of the access log that could not be kept or written.
    pub(crate) fn access_log_lost(&self, lines: u64) {
        self.inner.series.access_log_lost.inc_by(lines);
    }

    /// Spans that could not be kept or delivered.
    pub(crate) fn spans_lost(&self, spans: u64) {
        self.inner.series.spans_lost.inc_by(spans);
    }

    pub(crate) fn location_rewritten(&self, header: &HeaderName) {
        let labels = HeaderLabels { header: header.as_str().to_owned() };
        self.inner.series.locations_rewritten.get_or_create(&labels).inc();
        if *header == http::header::LOCATION {
            self.inner.series.totals.locations.inc();
        }
    }

    pub(crate) fn location_invalid(&self) {
        self.inner.series.locations_invalid.inc();
    }

    pub(crate) fn upstream_failed(&self) {
        self.inner.series.upstream_failures.inc();
    }

    pub(crate) fn retried(&self) {
        self.inner.series.retries.inc();
    }

    /// A game day did this to an arrival.
    pub(crate) fn touched(&self, fault: &'static str) {
        self.inner.series.touched.get_or_create(&TouchLabels { fault }).inc();
    }

    pub(crate) fn spilled(&self, region: &str) {
        self.inner.series.spilled.get_or_create(&RegionLabels { region: region.to_owned() }).inc();
        self.inner.series.totals.spilled.inc();
    }

    pub(crate) fn spill_came_back(&self) {
        self.inner.series.spill_came_back.inc();
    }

    pub(crate) fn dns_query(&self, code: &'static str) {
        self.inner.series.dns_queries.get_or_create(&DnsLabels { code }).inc();
        self.inner.series.totals.dns.inc();
    }

    /// Notes which config is served; its routes are counted from now on.
    pub fn config(&self, config: &Config) {
        self.inner.series.config_generation.set(config.generation);
        self.inner.series.config_routes.set(config.routes.routes().len() as u64);
        self.inner.routes.take(config);
        self.identity(config);
    }

    /// Notes when the certificate ends that is shown to peers; nothing while there is none.
    fn identity(&self, config: &Config) {
        let expiry = &self.inner.series.identity_expiry;
        let ends = config.credentials.as_ref().map(|own| expiry_of_pem(&own.certificate_pem));
        let Some(Ok(ends)) = ends else { return expiry.clear() };
        let (region, member) = (config.identity.region.clone(), config.identity.member.clone());
        let labels = IdentityLabels { region, member };
        if expiry.get(&labels).is_none() {
            expiry.clear();
        }
        expiry.get_or_create(&labels).set(ends);
    }

    /// Notes how many parts of ingresses are not served.
    pub fn rejected(&self, count: usize) {
        self.inner.series.config_rejected.set(count as u64);
    }

    /// Notes whether the latest config cannot be used.
    pub(crate) fn config_refused(&self, refused: bool) {
        self.inner.series.config_refused.set(refused.into());
    }

    /// Notes whether a config waits to be confirmed.
    pub(crate) fn config_held(&self, held: bool) {
        self.inner.series.config_held.set(held.into());
    }

    /// Notes that a listener could not accept a connection.
    pub(crate) fn accept_failed(&self, listener: &'static str) {
        self.inner.series.accept_failures.get_or_create(&ListenerLabels { listener }).inc();
    }

    /// Notes that a snapshot could not be written.
    pub fn snapshot_failed(&self) {
        self.inner.series.snapshot_failures.inc();
    }
}

impl Series {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "access_log_lost_lines",
            "Lines of the access log that were dropped because the writer was behind or could not write",
            self.access_log_lost.clone(),
        );
        registry.register(
            "trace_lost_spans",
            "Spans that were dropped because the collector was behind, away, or refused them",
            self.spans_lost.clone(),
        );
        registry.register(
            "upstream_latency_seconds",
            "Seconds from receiving a request to the head of the response, by who served it",
            self.latency.0.clone(),
        );
        registry.register(
            "locations_rewritten",
            "Redirects of backends (Location, Content-Location, Refresh, Set-Cookie) turned to the public host",
            self.locations_rewritten.clone(),
        );
        registry.register(
            "locations_invalid",
            "Redirects of backends that parsers disagree about, passed on as they were",
            self.locations_invalid.clone(),
        );
        registry.register(
            "upstream_failures",
            "Requests that no endpoint of the backend answered",
            self.upstream_failures.clone(),
        );
        registry.register(
            "retries",
            "Requests sent to a second endpoint because the first did not get them or may get them twice",
            self.retries.clone(),
        );
        registry.register(
            "gameday_arrivals",
            "Arrivals that a game day held or failed",
            self.touched.clone(),
        );
        registry.register(
            "spilled",
            "Requests that another region answered, by that region",
            self.spilled.clone(),
        );
        registry.register(
            "spill_came_back",
            "Requests meant for another region that nobody there processed, served here after all",
            self.spill_came_back.clone(),
        );
        registry.register("dns_queries", "DNS queries answered, by response code", self.dns_queries.clone());
        registry.register(
            "accept_failures",
            "Times that a listener could not accept a connection, as without file descriptors",
            self.accept_failures.clone(),
        );
        registry.register(
            "snapshot_failures",
            "Snapshots that could not be written; the one before stays, and it is tried again",
            self.snapshot_failures.clone(),
        );
        registry.register(
            "identity_expiry_timestamp_seconds",
            "When the certificate ends that this gateway shows to its peers, in seconds since the epoch; absent without one",
            self.identity_expiry.clone(),
        );
        registry.register(
            "config_generation",
            "Configs loaded since the start; 0: nothing is served yet",
            self.config_generation.clone(),
        );
        registry.register("config_routes", "Routes being served", self.config_routes.clone());
        registry.register(
            "config_rejected",
            "Parts of ingresses that are not served because they are wrong or conflict; the log names them",
            self.config_rejected.clone(),
        );
        registry.register(
            "config_refused",
            "1 while the latest configuration file is wrong and the one before it is served; /debug/config says why",
            self.config_refused.clone(),
        );
        registry.register(
            "config_held",
            "1 while a config that would remove more than half waits for POST /config/confirm; /debug/config says \
             what",
            self.config_held.clone(),
        );
    }
}

/// Dense around the bounds that people set, from a millisecond to a minute.
fn latency_histogram() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0,
        60.0,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_each_number_means() {
        let metrics = Metrics::new();
        metrics.spilled("chengdu");
        let text = metrics.encode();
        assert!(
            text.contains("# HELP spillway_gateway_spilled Requests that another region answered"),
            "{text}"
        );
        assert!(text.contains("spillway_gateway_spilled_total{region=\"chengdu\"} 1"), "{text}");
    }
}
