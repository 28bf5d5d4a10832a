//! Serving a request by this region's own backends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use spillway_decide::balance::Class;
use spillway_decide::commands::Touch;
use spillway_decide::routes::Route;

use super::attempts::{Journey, keep};
use super::front_door::refuse;
use super::spilled::to_http2;
use super::upload::Upload;
use super::upstream::{Pool, affinity};
use super::{Exchange, Origin, Proxy, answer, headers, upgrade};
use crate::body::Body;
use crate::config::Protocol;
use crate::metrics::Served;
use crate::seen::Record;
use crate::serve::guard::Refusal;
use crate::traffic::Arrival;

/// Why no backend answered.
pub(super) enum Unserved {
    /// There is nobody to ask.
    NoEndpoint,
    /// It takes no more at a time.
    Full,
    /// Those asked did not answer.
    Failed(String),
    /// The one asked was too slow.
    TimedOut,
    /// Somebody plays that nobody answers.
    Gameday,
    /// The client did not send what it had begun.
    Client(Refusal),
}

impl Unserved {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::NoEndpoint => "no endpoint is ready",
            Self::Full => "the backend takes no more requests at a time",
            Self::Failed(_) => "the backend did not answer",
            Self::TimedOut => "the backend did not answer in time",
            Self::Gameday => "a game day",
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
        let flight =
            route.priority.as_ref().map(|priority| self.inner.traffic.begin(priority, &route.id, &arrival));
        let touched = self.touched(route, &arrival);
        if let Touch::Hold(pause) = touched {
            record.refused("held on a game day");
            // Boxed: rare, and it would make every request's future larger.
            Box::pin(self.hold(pause)).await;
        }
        let outcome = match self.inner.upstreams.pool(config, &route.backend) {
            _ if touched == Touch::Fail => Err(Unserved::Gameday),
            Some(pool) => self.ask(&pool, route, origin, request, &upload, record).await,
            None => Err(Unserved::NoEndpoint),
        };
        match (flight, &outcome) {
            // What a client did says nothing about us.
            (None, _) | (Some(_), Err(Unserved::Client(_))) => {}
            // Nor does what we turn away because it is not ours.
            (Some(_), Err(Unserved::Full)) if spilled => {}
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

    /// On a game day: what it is held for is part of its latency, as a slow backend's would be. Only our own
    /// arrivals: who came from another region has nothing to do with it.
    fn touched(&self, route: &Route, arrival: &Arrival) -> Touch {
        match &route.priority {
            Some(priority) if *arrival == Arrival::Local => self.inner.traffic.touch(priority),
            _ => Touch::Nothing,
        }
    }

    /// Until the game day ends, too, or this gateway: nobody is to wait for what is over.
    async fn hold(&self, pause: Duration) {
        self.inner.metrics.touched("held");
        tokio::select! {
            () = self.inner.traffic.hold(pause) => {}
            () = self.inner.draining.cancelled() => {}
        }
    }

    async fn ask(
        &self,
        pool: &Arc<Pool>,
        route: &Route,
        origin: &Origin,
        request: Request<Body>,
        upload: &Upload,
        record: &mut Record,
    ) -> Result<Response<Body>, Unserved> {
        let policy = &route.policy;
        let blame = |unserved| upload.fault().map_or(unserved, Unserved::Client);
        // Before it takes a place: a client that is slow to send is no load.
        let kept = keep(request, policy, pool.protocol(), record.is_first_hop()).await;
        let (mut request, kept) = kept.map_err(blame)?;
        let class = if record.is_first_hop() { Class::Own } else { Class::Spilled };
        let Some(place) = pool.flow().enter(Instant::now(), class, policy.concurrency_limit) else {
            self.inner.upstreams.watch.full(class);
            return Err(Unserved::Full);
        };
        let trailers = headers::wants_trailers(request.headers());
        let tunnel = upgrade::Tunnel::asked(&mut request, pool.protocol());
        self.prepare(&mut request, origin, record);
        if let Some(prefix) = route.stripped_prefix() {
            strip_prefix(&mut request, prefix);
        }
        to_backend_form(&mut request, origin, pool.protocol());
        if trailers {
            let version = request.version();
            headers::set_wants_trailers(request.headers_mut(), version);
        }
        tunnel.keep(request.headers_mut());
        let cookie = policy.affinity_cookie.as_deref();
        let token = cookie.and_then(|name| pool.known_token(affinity::shown(request.headers(), name)));
        let journey = Journey { pool, policy, token: token.as_deref(), upload, kept: &kept };
        let asked = self.ask_endpoints(journey, request, record).await;
        match &asked {
            Err(Unserved::TimedOut) if upload.fault().is_none() => place.measured(upload.last_progress()),
            // One that fails at once is not quick.
            Ok((response, _)) if !response.status().is_server_error() => {
                place.measured(upload.last_progress());
            }
            _ => drop(place),
        }
        let (mut response, chosen) = asked.map_err(blame)?;
        if let Some(name) = cookie.filter(|_| token.as_deref() != Some(chosen.token())) {
            affinity::set(response.headers_mut(), name, chosen.token(), origin.scheme);
        }
        // Ours to say, never a backend's: it would have the origin send the request once more.
        response.headers_mut().remove(headers::UNPROCESSED);
        tunnel.open(&mut response).map_err(Unserved::Failed)?;
        Ok(response)
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
            Unserved::Gameday => {
                self.inner.metrics.touched("failed");
                answer::unavailable("spillway: on a game day this region plays ill")
            }
            Unserved::NoEndpoint => answer::unavailable("spillway: no endpoint of this backend is ready"),
            Unserved::Full => answer::unavailable("spillway: this backend takes no more requests at a time"),
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
        if spilled && matches!(unserved, Unserved::NoEndpoint | Unserved::Full) {
            response.headers_mut().insert(headers::UNPROCESSED, HeaderValue::from_static("1"));
        }
        response
    }

    /// What every request gets, wherever it is sent.
    pub(super) fn prepare(&self, request: &mut Request<Body>, origin: &Origin, record: &mut Record) {
        if !record.prepares() {
            return;
        }
        headers::strip_hop(request.headers_mut());
        headers::set_forwarded(request.headers_mut(), origin);
        // We answer 100-continue ourselves, when the body is first read.
        request.headers_mut().remove(http::header::EXPECT);
        headers::add_via(request.headers_mut(), &self.inner.via);
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
    let mut hosts = request.headers().get_all(HOST).iter();
    let said = hosts.next().filter(|host| *host == origin.authority.as_str() && hosts.next().is_none());
    if said.is_none()
        && let Ok(host) = HeaderValue::from_str(&origin.authority)
    {
        request.headers_mut().insert(HOST, host);
    }
}

/// Whether a request that may have been processed may be sent once more (RFC 9110 section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method)
}
