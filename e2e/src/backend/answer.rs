//! What one request to a demo backend gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::watch;

use super::behaviour::{Behaviour, Refusal, standard_normal};

/// The request header that asks for a redirect to its value.
pub const REDIRECT: &str = "x-demo-redirect";

const REQUEST_ID: &str = "x-request-id";

/// More of a body than this is not repeated.
const BODY_LIMIT: usize = 64 * 1024;

/// What all connections of one backend share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) region: String,
    pub(super) name: String,
    pub(super) behaviour: watch::Sender<Behaviour>,
    pub(super) requests: AtomicU64,
}

/// Answers, late or wrongly or both, as the switches say.
pub(super) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let n = shared.requests.fetch_add(1, Ordering::Relaxed);
    let behaviour = shared.behaviour.borrow().clone();
    let (head, body) = request.into_parts();
    let body =
        Limited::new(body, BODY_LIMIT).collect().await.map_or_else(|_| Bytes::new(), Collected::to_bytes);
    if behaviour.refusal == Refusal::Hang {
        shared.behaviour.subscribe().wait_for(|now| now.refusal != Refusal::Hang).await?;
    }
    tokio::time::sleep(behaviour.latency.draw(standard_normal())).await;

    let header = |name: &str| text(&head.headers, name);
    let redirect = header(REDIRECT).or(behaviour.redirect.as_deref());
    let status = match redirect {
        _ if behaviour.fails(n) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(_) => StatusCode::FOUND,
        None => StatusCode::OK,
    };
    let id = header(REQUEST_ID).unwrap_or_default();
    let text = json!({
        "region": shared.region,
        "backend": shared.name,
        "path": head.uri.path(),
        "requestId": id,
        "body": String::from_utf8_lossy(&body),
    });
    let mut response = Response::builder()
        .status(status)
        .header("x-served-by", &shared.region)
        .header(REQUEST_ID, id)
        .header(CONTENT_TYPE, "application/json");
    if let Some(location) = redirect.filter(|_| status == StatusCode::FOUND) {
        response = response.header(LOCATION, location);
    }
    Ok(response.body(Full::new(Bytes::from(text.to_string())))?)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
