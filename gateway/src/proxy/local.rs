//! Serving a request by this region's own backends.

use std::time::Duration;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use spillway_decide::routes::Route;
use tokio::time::{Instant, timeout_at};

use super::duplicate::Duplicate;
use super::front_door::refuse;
use super::spilled::to_http2;
use super::upload::Upload;
use super::upstream::{Failure, Lease};
use super::{Exchange, Origin, Proxy, answer, headers, upgrade};
use crate::body::Body;
use crate::config::{Backend, Protocol};
use crate::metrics::Served;
use crate::seen::Record;
use crate::serve::guard::Refusal;
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
    /// The client did not send what it had begun.
    Client(Refusal),
}

impl Unserved {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::NoEndpoint => "no endpoint is ready",
            Self::Failed(_) => "the backend did not answer",
            Self::TimedOut => "the backend did not answer in time",
            Self::Client(refusal) => refusal.message,
        }
    }
}

impl Proxy {
    /// Sends the request to a backend of this region and measures how that went.
    pub(super) async fn serve_here(&self, exchange: Exchange<'_>) -> Response<Body> {
        let Exchange { config, route, origin, arrival, request, upload, record } = exchange;
        let spilled = matches!(arrival, Arrival::Spilled { .. });
        record.served(if spilled { Served::HereForOther } else { Served::Here });
        let flight = route.priority.as_ref().map(|priority| self.inner.traffic.begin(priority, &arrival));
        let backend = config.backends.get(&route.backend);
        let outcome = match backend {
            Some(backend) => self.ask(backend, route, origin, request, &upload, record).await,
            None => Err(Unserved::NoEndpoint),
        };
        match (flight, &outcome) {
            // What a client did says nothing about us.
            (None, _) | (Some(_), Err(Unserved::Client(_))) => {}
            (Some(flight), Err(_)) => flight.finish(true),
            (Some(flight), Ok(response)) => flight.finish(response.status().is_server_error()),
        }
        if let Err(Unserved::Client(refusal)) = outcome {
            record.served(Served::Nobody);
            return refuse(record, refusal);
        }
        let mut response =
            outcome.unwrap_or_else(|unserved| self.apologise(&route.id, &unserved, spilled, record));
        self.finish_response(&mut response, config, route, origin, route.stripped_prefix());
        response
    }

    async fn ask(
        &self,
        backend: &Backend,
        route: &Route,
        origin: &Origin,
        mut request: Request<Body>,
        upload: &Upload,
        record: &mut Record,
    ) -> Result<Response<Body>, Unserved> {
        let trailers = headers::wants_trailers(request.headers());
        let tunnel = upgrade::Tunnel::asked(&mut request, backend.protocol);
        self.prepare(&mut request, origin);
        if let Some(prefix) = route.stripped_prefix() {
            strip_prefix(&mut request, prefix);
        }
        to_backend_form(&mut request, origin, backend.protocol);
        if trailers {
            let version = request.version();
            headers::set_wants_trailers(request.headers_mut(), version);
        }
        tunnel.keep(request.headers_mut());
        let asked = self.ask_endpoints(backend, request, record);
        let answered = in_time(asked, upload).await.unwrap_or(Err(Unserved::TimedOut));
        let mut response = answered.map_err(|unserved| upload.fault().map_or(unserved, Unserved::Client))?;
        // Ours to say, never a backend's: it would have the origin send the request once more.
        response.headers_mut().remove(headers::UNPROCESSED);
        tunnel.open(&mut response).map_err(Unserved::Failed)?;
        Ok(response)
    }

    /// One endpoint, and another one if the request did not reach the first, or may be sent twice: that is
    /// for the first hop to do, or every hop would multiply it.
    async fn ask_endpoints(
        &self,
        backend: &Backend,
        request: Request<Body>,
        record: &mut Record,
    ) -> Result<Response<Body>, Unserved> {
        let endpoint = self.inner.upstreams.pick(backend, None).ok_or(Unserved::NoEndpoint)?;
        let first = endpoint.address();
        record.sent_here(first);
        let copy = if record.is_first_hop() && is_idempotent(request.method()) {
            Duplicate::of(&request)
        } else {
            None
        };
        let Failure { reason, unsent } = match Lease::send(endpoint, request).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        let again = unsent.or_else(|| copy.filter(|_| self.inner.budget.spend()).map(Duplicate::restore));
        let Some(request) = again else { return Err(Unserved::Failed(format!("{first}: {reason}"))) };
        let Some(other) = self.inner.upstreams.pick(backend, Some(first)) else {
            return Err(Unserved::Failed(format!("{first}: {reason}")));
        };
        self.inner.metrics.retried();
        let second = other.address();
        record.retried(&reason);
        record.sent_here(second);
        Lease::send(other, request).await.map_err(|failure| {
            Unserved::Failed(format!("{first}: {reason}; then {second}: {}", failure.reason))
        })
    }

    fn apologise(
        &self,
        route: &str,
        unserved: &Unserved,
        spilled: bool,
        record: &mut Record,
    ) -> Response<Body> {
        record.refused(unserved.as_str());
        let mut response = match unserved {
            Unserved::Client(refusal) => return answer::refused(*refusal),
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
        // One that comes back from a failed spill has been here before.
        if request.extensions_mut().insert(Prepared).is_some() {
            return;
        }
        headers::strip_hop(request.headers_mut());
        headers::set_forwarded(request.headers_mut(), origin);
        // We answer 100-continue ourselves, when the body is first read.
        request.headers_mut().remove(http::header::EXPECT);
        headers::add_via(request.headers_mut(), &self.inner.via);
    }
}

/// Marks a request whose headers are ours.
#[derive(Clone, Copy)]
pub(super) struct Prepared;

/// The answer, unless it takes too long. A request that is still being sent is not answered yet.
async fn in_time<T>(answer: impl Future<Output = T>, upload: &Upload) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    let mut deadline = Instant::now() + RESPONSE_TIMEOUT;
    loop {
        if let Ok(answered) = timeout_at(deadline, &mut answer).await {
            return Some(answered);
        }
        let later = Instant::from_std(upload.last_progress()) + RESPONSE_TIMEOUT;
        if later <= Instant::now() {
            return None;
        }
        deadline = later;
    }
}

/// Takes a prefix of whole segments off the path.
fn strip_prefix(request: &mut Request<Body>, prefix: &str) {
    let Some(rest) = request.uri().path_and_query().and_then(|path| path.as_str().strip_prefix(prefix))
    else {
        return;
    };
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = path.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// As the backend speaks, with the host that the client asked. HTTP/1.1 has the path alone.
fn to_backend_form(request: &mut Request<Body>, origin: &Origin, protocol: Protocol) {
    if protocol == Protocol::H2c {
        return to_http2(request, origin);
    }
    *request.version_mut() = Version::HTTP_11;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    if let Ok(host) = HeaderValue::from_str(&origin.authority) {
        request.headers_mut().insert(HOST, host);
    }
}

/// Whether a request that may have been processed may be sent once more.
pub(super) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}
