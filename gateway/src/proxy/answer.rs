//! Answers that the gateway gives itself: plain text that says what is wrong and who says so.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::body::{self, Body};
use crate::serve::guard::Refusal;

/// A short text.
pub(crate) fn text(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(body::full(format!("{message}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// It is to be asked for there, as it is.
pub(crate) fn moved(location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::from_str(location) else { return no_host() };
    let mut response = text(StatusCode::PERMANENT_REDIRECT, "spillway: this is served over TLS only");
    response.headers_mut().insert(LOCATION, location);
    response
}

/// Nobody serves this now; soon somebody may.
pub(crate) fn unavailable(message: &str) -> Response<Body> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The request is not served, whoever would serve it. What else comes on its connection is not looked at.
pub(crate) fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = text(refusal.status, &format!("spillway: {}", refusal.message));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
    response
}

/// The request does not name one host.
pub(crate) fn no_host() -> Response<Body> {
    refused(Refusal::bad("the request must name exactly one host"))
}

/// No Ingress takes this host and path.
pub(crate) fn no_route(host: &str) -> Response<Body> {
    text(StatusCode::NOT_FOUND, &format!("spillway: no ingress of class spillway routes this path of {host}"))
}
