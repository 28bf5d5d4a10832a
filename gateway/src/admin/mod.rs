//! The admin listener: is it alive, is it ready, what does it count, what does it believe, what does it run on.
//!
//! For operators and probes inside the cluster; it shows configuration and must not be exposed further.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::intake::{Intake, Loaded};
use crate::config::{Certificates, Config, ConfigReceiver};
use crate::metrics::Metrics;
use crate::proxy::Proxy;
use crate::tls;
use crate::traffic::Traffic;

/// `OpenMetrics`' own type: Prometheus reads the text by it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the admin listener shows.
#[derive(Clone)]
pub struct Admin {
    /// The config being served.
    pub config: ConfigReceiver,
    /// Where configs come in.
    pub intake: Option<Intake>,
    /// The traffic loop.
    pub traffic: Traffic,
    /// The proxy, for its readiness.
    pub proxy: Proxy,
    /// The counters.
    pub metrics: Metrics,
}

impl Admin {
    /// Serves until `stop`.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let app = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/debug/state", get(state))
            .route("/debug/backends", get(backends))
            .route("/debug/config", get(config))
            .route("/config/confirm", post(confirm))
            .with_state(self);
        let served = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, "admin listener ended");
        }
    }
}

/// Whether requests are served: also while a gateway that was told to end serves on. Kubernetes sends it nothing while another one
/// is ready; where none is, one that still says so keeps its Service reachable (KEP-1669). Load balancers and the other regions
/// ask the front door's own health, which fails from then on.
async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.proxy.is_ready() {
        (StatusCode::OK, "ok\n")
    } else if admin.config.borrow().is_loaded() {
        (StatusCode::OK, "draining, and still serving\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no configuration is loaded yet: neither objects nor a snapshot\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], admin.metrics.encode()).into_response()
}

async fn state(State(admin): State<Admin>) -> Response {
    let mut state = admin.traffic.state();
    state.ready = admin.proxy.is_ready();
    state.counters.extend(admin.metrics.counters());
    Json(state).into_response()
}

/// Each backend with its endpoints, as the balancing sees them.
async fn backends(State(admin): State<Admin>) -> Response {
    Json(admin.proxy.backends()).into_response()
}

/// What the gateway runs on.
#[derive(Serialize)]
struct Shown {
    loaded: Loaded,
    /// In place of the key and certificates: whether there are any.
    #[serde(rename = "hasCredentials")]
    has_credentials: bool,
    /// The front door's certificates, without their keys.
    certificates: Vec<tls::Shown>,
    #[serde(flatten)]
    config: Config,
}

/// The config without its private key, with where it came from.
async fn config(State(admin): State<Admin>) -> Response {
    let config = admin.config.borrow().clone();
    let has_credentials = config.credentials.is_some();
    let certificates = tls::shown(&config.certificates);
    let shown = Arc::unwrap_or_clone(config);
    let config = Config { credentials: None, certificates: Certificates::default(), ..shown };
    let loaded = admin.intake.map(|intake| intake.loaded()).unwrap_or_default();
    Json(Shown { loaded, has_credentials, certificates, config }).into_response()
}

/// Serves the config that is held: a person says that what it takes away is meant to go.
async fn confirm(State(admin): State<Admin>) -> (StatusCode, String) {
    match admin.intake.and_then(|intake| intake.confirm()) {
        Some(routes) => (StatusCode::OK, format!("confirmed: {routes} routes are served\n")),
        None => (StatusCode::CONFLICT, "no config is held\n".to_owned()),
    }
}
