//! What the program tells about itself over HTTP.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwapOption;
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde::Deserialize;
use serde_json::{Value, json};
use spillway_placement::PlacementMap;
use tokio_util::sync::CancellationToken;

use crate::{federation::Federation, object::Kind};

/// What the pages are about: the federation while we lead.
pub(crate) struct Admin {
    /// The federation, if we lead.
    pub(crate) federation: Arc<ArcSwapOption<Federation>>,
    /// Its placement map, whose rows the metrics count.
    pub(crate) placement: Arc<ArcSwapOption<PlacementMap>>,
    /// The metrics.
    pub(crate) registry: Registry,
}

/// Serves until cancelled.
pub(crate) async fn serve(
    listen: SocketAddr,
    admin: Arc<Admin>,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "serving /healthz, /readyz, /metrics and /debug/placement");
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/debug/placement", get(placement))
        .with_state(admin);
    axum::serve(listener, router).with_graceful_shutdown(async move { cancel.cancelled().await }).await
}

/// Ready is who waits for the lease, and who leads and has seen the hub.
async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match admin.federation.load_full() {
        None => "ok: waits for the lease\n".into_response(),
        Some(federation) if federation.hub.synced() => "ok: leads\n".into_response(),
        Some(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "leads, and has not seen all of the hub yet\n").into_response()
        }
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    if let Some(federation) = admin.federation.load_full() {
        gauge_members(&federation);
    }
    let mut text = String::new();
    match encode(&mut text, &admin.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn gauge_members(f: &Federation) {
    for member in f.members.all() {
        let of = crate::metrics::Of::member(&member.name);
        let health = member.health();
        f.metrics.reachable.get_or_create(&of).set(i64::from(member.answers()));
        f.metrics.held.get_or_create(&of).set(i64::from(health.held.is_some()));
        let queued = i64::try_from(member.queue.len()).unwrap_or(i64::MAX);
        f.metrics.queued.get_or_create(&of).set(queued);
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    object: Option<String>,
}

/// What the placement map knows of one federated ingress, or how many rows there are in each state.
async fn placement(State(admin): State<Arc<Admin>>, Query(asked): Query<Asked>) -> Response {
    let Some(f) = admin.federation.load_full() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "this controller does not lead\n").into_response();
    };
    let Some(object) = asked.object else { return Json(counts(&f)).into_response() };
    let Some((namespace, name)) = object.split_once('/') else {
        let text = "object: must be NAMESPACE/NAME of a FederatedIngress\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let key = Kind::Ingress.key(namespace, name);
    let rows = f.placement.rows_of_object(&key);
    let rows = rows.iter().map(|(member, row)| {
        let failure = f.failures.get(&key, member);
        json!({
            "member": member, "state": row.state(), "row": row,
            "failure": failure.map(|failure| json!({"reason": failure.reason, "message": failure.message})),
        })
    });
    Json(json!({"object": object, "rows": rows.collect::<Vec<_>>()})).into_response()
}

fn counts(f: &Federation) -> Value {
    let members = f.placement.members().into_iter().filter_map(|member| {
        let counts = f.placement.counts(&member).ok()?;
        let states =
            spillway_placement::State::ALL.map(|state| (format!("{state:?}"), json!(counts.of(state))));
        Some((member.to_string(), states.into_iter().collect::<Value>()))
    });
    Value::Object(members.collect())
}
