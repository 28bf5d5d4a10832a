//! Serving a request by this region's own backends.

use std::time::Duration;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use tokio::time::timeout;

use super::upstream::{Failure, Lease};
use super::{Exchange, Origin, Proxy, answer, headers, upgrade};
use crate::body::{self, Body};
use crate::config::Backend;
use crate::metrics::Served;
use crate::traffic::Arrival;

/// A backend that has not begun to answer by then is given up; the SLIs have known for long.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Why no backend answered.
enum Unserved {
    /// There is nobody to ask.
    NoEndpoint,
    /// Those asked did not answer.
    Failed(String),
    /// The one asked was too slow.
    TimedOut,
}

impl Proxy {
    /// Sends the request to a backend of this region and measures how that went.
    pub(super) async fn serve_here(&self, exchange: Exchange<'_>) -> Response<Body> {
        let Exchange { config, route, origin, arrival, received, request } = exchange;
        let spilled = matches!(arrival, Arrival::Spilled { .. });
        let served = if spilled { Served::HereForOther } else { Served::Here };
        let flight = route.priority.as_ref().map(|priority| self.inner.traffic.begin(priority, &arrival));
        let backend = config.backends.get(&route.backend);
        let outcome = match backend {
            Some(backend) => self.ask(backend, origin, request, !spilled).await,
            None => Err(Unserved::NoEndpoint),
        };
        let failed = outcome.as_ref().map_or(true, |response| response.status().is_server_error());
        if let Some(flight) = flight {
            flight.finish(failed);
        }
        self.inner.metrics.upstream_latency(served, received.elapsed());
        let mut response = outcome.unwrap_or_else(|unserved| self.apologise(&route.id, &unserved, spilled));
        self.finish_response(&mut response, config, route, origin);
        self.inner.metrics.request(Some(route), response.status(), served);
        response
    }

    async fn ask(
        &self,
        backend: &Backend,
        origin: &Origin,
        mut request: Request<Body>,
        first_hop: bool,
    ) -> Result<Response<Body>, Unserved> {
        let tunnel = upgrade::Tunnel::asked(&mut request);
        self.prepare(&mut request, origin);
        to_backend_form(&mut request, origin);
        tunnel.keep(request.headers_mut());
        let answered = timeout(RESPONSE_TIMEOUT, self.ask_endpoints(backend, request, first_hop)).await;
        let mut response = answered.map_err(|_| Unserved::TimedOut)??;
        // Ours to say, never a backend's: it would have the origin send the request once more.
        response.headers_mut().remove(headers::UNPROCESSED);
        tunnel.open(&mut response);
        Ok(response)
    }

    /// One endpoint, and another one if the request did not reach the first, or may be sent twice: that is
    /// for the first hop to do, or every hop would multiply it.
    async fn ask_endpoints(
        &self,
        backend: &Backend,
        request: Request<Body>,
        first_hop: bool,
    ) -> Result<Response<Body>, Unserved> {
        let endpoint = self.inner.upstreams.pick(backend, None).ok_or(Unserved::NoEndpoint)?;
        let first = endpoint.address();
        let copy = if first_hop && is_idempotent(&request) { copied(&request) } else { None };
        let Failure { reason, unsent } = match Lease::send(endpoint, request).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        let again = unsent.or_else(|| copy.filter(|_| self.inner.budget.spend()));
        let Some(request) = again else { return Err(Unserved::Failed(format!("{first}: {reason}"))) };
        let Some(other) = self.inner.upstreams.pick(backend, Some(first)) else {
            return Err(Unserved::Failed(format!("{first}: {reason}")));
        };
        self.inner.metrics.retried();
        let second = other.address();
        Lease::send(other, request).await.map_err(|failure| {
            Unserved::Failed(format!("{first}: {reason}; then {second}: {}", failure.reason))
        })
    }

    fn apologise(&self, route: &str, unserved: &Unserved, spilled: bool) -> Response<Body> {
        let mut response = match unserved {
            Unserved::NoEndpoint => answer::unavailable("spillway: no endpoint of this backend is ready"),
            Unserved::Failed(_) => {
                answer::text(StatusCode::BAD_GATEWAY, "spillway: the backend did not answer")
            }
            Unserved::TimedOut => {
                answer::text(StatusCode::GATEWAY_TIMEOUT, "spillway: the backend did not answer in time")
            }
        };
        if let Unserved::Failed(reason) = unserved {
            tracing::debug!(route, reason, "backend failed");
            self.inner.metrics.upstream_failed();
        }
        if spilled && matches!(unserved, Unserved::NoEndpoint) {
            response.headers_mut().insert(headers::UNPROCESSED, HeaderValue::from_static("1"));
        }
        response
    }

    /// What every request gets, wherever it is sent.
    pub(super) fn prepare(&self, request: &mut Request<Body>, origin: &Origin) {
        headers::strip_hop(request.headers_mut());
        headers::set_forwarded(request.headers_mut(), origin);
        // We answer 100-continue ourselves, when the body is first read.
        request.headers_mut().remove(http::header::EXPECT);
        if !via_is_ours(request, &self.inner.via) {
            headers::add_via(request.headers_mut(), &self.inner.via);
        }
    }
}

/// Whether a request that comes back from a failed spill has been prepared before.
fn via_is_ours(request: &Request<Body>, via: &HeaderValue) -> bool {
    request.headers().get_all(http::header::VIA).iter().next_back() == Some(via)
}

/// HTTP/1.1 with the path alone and the host that the client asked.
fn to_backend_form(request: &mut Request<Body>, origin: &Origin) {
    *request.version_mut() = Version::HTTP_11;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    if let Ok(host) = HeaderValue::from_str(&origin.authority) {
        request.headers_mut().insert(HOST, host);
    }
}

/// Whether a request that may have been processed may be sent once more.
pub(super) fn is_idempotent(request: &Request<Body>) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method())
}

/// A copy of a request that has no body.
pub(super) fn copied(request: &Request<Body>) -> Option<Request<Body>> {
    if !http_body::Body::is_end_stream(request.body()) {
        return None;
    }
    let mut copy = Request::new(body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
