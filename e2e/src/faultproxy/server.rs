//! The fault proxy's process: all links of a world, and the control port.
//!
//! `GET /rules`, `PUT /rules` (one [`Rule`]), `DELETE /rules` (all of them).

use std::net::SocketAddrV4;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};

use super::link;
use super::protocol::{LinkSpec, Rule};
use super::rules::Rules;

/// Serves links until the process ends.
pub async fn serve(links: Vec<LinkSpec>, control: SocketAddrV4) -> Result<()> {
    let rules = Rules::new(&links);
    for spec in links {
        let listener =
            link::listen(spec.listen).with_context(|| format!("{} on {}", spec.name, spec.listen))?;
        tokio::spawn(link::serve(spec, listener, rules.clone()));
    }
    let router = Router::new().route("/rules", get(list).put(set).delete(clear)).with_state(rules);
    let listener = link::listen(control).with_context(|| format!("the control port {control}"))?;
    Ok(axum::serve(listener, router).await?)
}

async fn list(State(rules): State<Rules>) -> Json<Vec<Rule>> {
    Json(rules.list())
}

async fn set(State(rules): State<Rules>, Json(rule): Json<Rule>) -> Result<StatusCode, (StatusCode, String)> {
    rules.set(&rule).map_err(|error| (StatusCode::NOT_FOUND, format!("{error:#}")))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear(State(rules): State<Rules>) -> StatusCode {
    rules.clear();
    StatusCode::NO_CONTENT
}
