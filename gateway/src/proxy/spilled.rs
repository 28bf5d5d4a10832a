//! Spill, from both sides: sending a request to another region, and serving one that another region sent.

use std::net::SocketAddr;
use std::time::Instant;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use spillway_decide::Peer;

use super::local::{copied, is_idempotent};
use super::upload::{Limits, Upload};
use super::{Exchange, Origin, Proxy, answer, headers};
use crate::body::{self, Body};
use crate::metrics::Served;
use crate::mtls::SendFailure;
use crate::traffic::Arrival;

/// How an attempt at a peer ended.
enum Attempt {
    /// The peer's backends answered.
    Answered(Response<Body>),
    /// Nobody processed the request; here it is.
    Unprocessed(Request<Body>),
    /// Somebody may have.
    Lost(Response<Body>),
}

impl Proxy {
    /// Sends the request to a gateway of `region`. What no peer has processed is served here: a spill that
    /// does not come about must cost nobody anything.
    pub(super) async fn spill(&self, exchange: Exchange<'_>, region: &str, peers: &[Peer]) -> Response<Body> {
        let Exchange { config, route, origin, arrival, received, request, upload } = exchange;
        let mut request = self.to_peer_form(request, origin);
        for peer in peers {
            match self.ask_peer(peer, request, &upload).await {
                Attempt::Answered(mut response) => {
                    self.inner.metrics.spilled(region);
                    self.inner.metrics.upstream_latency(Served::ByOther, received.elapsed());
                    // The prefix is put back where it was taken off.
                    self.finish_response(&mut response, config, route, origin, None);
                    self.inner.metrics.request(Some(route), response.status(), Served::ByOther);
                    return response;
                }
                Attempt::Unprocessed(unprocessed) => request = unprocessed,
                Attempt::Lost(response) => {
                    self.inner.metrics.request(Some(route), response.status(), Served::ByOther);
                    return response;
                }
            }
        }
        self.inner.metrics.spill_came_back();
        self.serve_here(Exchange { config, route, origin, arrival, received, request, upload }).await
    }

    async fn ask_peer(&self, peer: &Peer, request: Request<Body>, upload: &Upload) -> Attempt {
        let copy = copied(&request);
        match self.inner.peers.send(peer, request).await {
            Ok(response) if response.headers().contains_key(headers::UNPROCESSED) => match copy {
                Some(copy) => Attempt::Unprocessed(copy),
                None => Attempt::Lost(without_mark(response.map(body::incoming))),
            },
            Ok(response) => Attempt::Answered(response.map(body::incoming)),
            Err(SendFailure { error, unsent }) => {
                tracing::debug!(peer = %peer.member, %error, sent = unsent.is_none(), "spill failed");
                if let Some(refusal) = upload.fault() {
                    return Attempt::Lost(answer::refused(refusal));
                }
                let again = unsent.map(|request| *request);
                again
                    .or_else(|| copy.filter(|copy| is_idempotent(copy) && self.inner.budget.spend()))
                    .map_or_else(connection_broke, Attempt::Unprocessed)
            }
        }
    }

    /// HTTP/2 for the peer, with the public authority in its place.
    fn to_peer_form(&self, mut request: Request<Body>, origin: &Origin) -> Request<Body> {
        let trailers = headers::wants_trailers(request.headers());
        self.prepare(&mut request, origin);
        if trailers {
            headers::set_wants_trailers(request.headers_mut(), Version::HTTP_2);
        }
        to_http2(&mut request, origin);
        request
    }

    /// Serves a request that the gateways of `region` forwarded.
    pub async fn spilled(self, request: Request<Incoming>, peer: SocketAddr, region: &str) -> Response<Body> {
        let received = Instant::now();
        let Ok(origin) = Origin::of_peer(&request, peer.ip()) else { return answer::no_host() };
        let config = self.config();
        let Some(route) = config.routes.lookup(&origin.authority, request.uri().path()) else {
            self.inner.metrics.request(None, StatusCode::SERVICE_UNAVAILABLE, Served::Nobody);
            return unprocessed("spillway: this region does not have the route");
        };
        if let Some(priority) = &route.priority
            && !self.inner.traffic.admits(priority, region)
        {
            self.inner.metrics.request(Some(route), StatusCode::SERVICE_UNAVAILABLE, Served::Nobody);
            return unprocessed("spillway: this is more than was granted");
        }
        let arrival = Arrival::Spilled { origin: region.to_owned() };
        // The region where it arrived holds it to its bounds.
        let (request, upload) = match Upload::begin(request, Limits::default(), None) {
            Ok(begun) => begun,
            Err(refusal) => return answer::refused(refusal),
        };
        let (config, origin) = (&*config, &origin);
        self.serve_here(Exchange { config, route, origin, arrival, received, request, upload }).await
    }
}

/// HTTP/2, with the public authority and scheme in their places.
pub(super) fn to_http2(request: &mut Request<Body>, origin: &Origin) {
    request.headers_mut().remove(HOST);
    *request.version_mut() = Version::HTTP_2;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if let Ok(authority) = origin.authority.parse::<Authority>() {
        let uri = Uri::builder().scheme(origin.scheme.as_str()).authority(authority).path_and_query(path);
        if let Ok(uri) = uri.build() {
            *request.uri_mut() = uri;
        }
    }
}

/// Nothing was done about the request, and the origin may serve it.
fn unprocessed(message: &str) -> Response<Body> {
    let mut response = answer::unavailable(message);
    response.headers_mut().insert(headers::UNPROCESSED, HeaderValue::from_static("1"));
    response
}

fn connection_broke() -> Attempt {
    let message = "spillway: the connection to the serving region broke";
    Attempt::Lost(answer::text(StatusCode::BAD_GATEWAY, message))
}

/// The mark is between gateways; clients do not see it.
fn without_mark(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().remove(headers::UNPROCESSED);
    response
}
