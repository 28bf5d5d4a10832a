//! Spill, from both sides: sending a request to another region, and serving one that another region sent.

use std::net::SocketAddr;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use spillway_decide::Peer;

use super::duplicate::Duplicate;
use super::front_door::refuse;
use super::kept::Kept;
use super::local::is_idempotent;
use super::upload::{Limits, Upload};
use super::upstream::clock;
use super::{Exchange, Origin, Proxy, answer, headers};
use crate::body::{self, Body, BodyError};
use crate::mtls::SendFailure;
use crate::seen::Record;
use crate::serve::guard::Refusal;
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
        let Exchange { config, route, origin, arrival, request, upload, record } = exchange;
        let mut request = self.to_peer_form(request, origin, record);
        for peer in peers {
            record.sent_to(region, &peer.member);
            match self.ask_peer(peer, request, &upload, record).await {
                Attempt::Answered(mut response) => {
                    self.inner.metrics.spilled(region);
                    // The prefix is put back where it was taken off.
                    self.finish_response(&mut response, config, route, origin, None);
                    return response;
                }
                Attempt::Unprocessed(unprocessed) => request = unprocessed,
                Attempt::Lost(response) => return response,
            }
        }
        self.inner.metrics.spill_came_back();
        record.came_home();
        self.serve_here(Exchange { config, route, origin, arrival, request, upload, record }).await
    }

    /// A small body is kept, whatever the method: a peer that says that it processed nothing must cost nobody
    /// anything, and it may have to refuse even what it granted.
    async fn ask_peer(
        &self,
        peer: &Peer,
        request: Request<Body>,
        upload: &Upload,
        record: &mut Record,
    ) -> Attempt {
        let (request, copy) = match Kept::of(request, true).await {
            Ok((request, kept)) => {
                let copy = kept.copy(&request);
                (request, copy)
            }
            Err(error) => return body_broke(upload, &error, record),
        };
        self.inner.spill_budget.lock().earn(clock::now());
        match self.inner.peers.send(peer, request).await {
            Ok(response) if response.headers().contains_key(headers::UNPROCESSED) => match copy {
                Some(copy) => {
                    record.retried("refused by the peer");
                    Attempt::Unprocessed(copy.restore())
                }
                None => Attempt::Lost(without_mark(response.map(body::incoming))),
            },
            Ok(response) => Attempt::Answered(response.map(body::incoming)),
            Err(SendFailure { error, unsent }) => {
                tracing::debug!(peer = %peer.member, %error, sent = unsent.is_none(), "spill failed");
                if let Some(refusal) = upload.fault() {
                    return Attempt::Lost(refuse(record, refusal));
                }
                let again = unsent.map(|request| *request);
                let may_repeat = || self.inner.spill_budget.lock().spend(clock::now());
                let again = again.or_else(|| {
                    let copy = copy.filter(|copy| is_idempotent(copy.method()) && may_repeat());
                    copy.map(Duplicate::restore)
                });
                match again {
                    Some(request) => {
                        record.retried(&error.to_string());
                        Attempt::Unprocessed(request)
                    }
                    None => connection_broke(record),
                }
            }
        }
    }

    /// HTTP/2 for the peer, with the public authority in its place.
    fn to_peer_form(
        &self,
        mut request: Request<Body>,
        origin: &Origin,
        record: &mut Record,
    ) -> Request<Body> {
        let trailers = headers::wants_trailers(request.headers());
        self.prepare(&mut request, origin, record);
        if trailers {
            headers::set_wants_trailers(request.headers_mut(), Version::HTTP_2);
        }
        to_http2(&mut request, origin);
        request
    }

    /// Serves a request that the gateways of `region` forwarded.
    pub async fn spilled(
        self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        region: &str,
    ) -> Response<Body> {
        let mut record = self.inner.seen.received(&mut request, peer.ip(), Some(region));
        let response = self.serve_peer(request, peer, region, &mut record).await;
        record.answered(response)
    }

    async fn serve_peer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        region: &str,
        record: &mut Record,
    ) -> Response<Body> {
        let Ok(origin) = Origin::of_peer(&request, peer.ip()) else {
            record.refused("no host");
            return answer::no_host();
        };
        record.asked_by(&origin);
        let config = self.config();
        let Some(route) = config.routes.lookup(&origin.authority, request.uri().path()) else {
            record.refused("no route");
            return unprocessed("spillway: this region does not have the route");
        };
        record.routed(&config, route);
        if let Some(priority) = &route.priority
            && !self.inner.traffic.admits(priority, &route.id, region)
        {
            record.refused("more than was granted");
            return unprocessed("spillway: this is more than was granted");
        }
        let arrival = Arrival::Spilled { origin: region.to_owned() };
        // The region where it arrived holds it to its bounds.
        let (request, upload) = match Upload::begin(request, Limits::default(), None, record.received()) {
            Ok(begun) => begun,
            Err(refusal) => return refuse(record, refusal),
        };
        record.reads(&upload);
        let (config, origin) = (&*config, &origin);
        self.serve_here(Exchange { config, route, origin, arrival, request, upload, record }).await
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

/// The client did not send what it had begun, and nobody was asked yet.
fn body_broke(upload: &Upload, error: &BodyError, record: &mut Record) -> Attempt {
    tracing::debug!(%error, "a body broke off before the request was spilled");
    Attempt::Lost(refuse(record, upload.fault().unwrap_or(Refusal::BODY_BROKE)))
}

fn connection_broke(record: &mut Record) -> Attempt {
    record.refused("the connection to the serving region broke");
    let message = "spillway: the connection to the serving region broke";
    Attempt::Lost(answer::text(StatusCode::BAD_GATEWAY, message))
}

/// The mark is between gateways; clients do not see it.
fn without_mark(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().remove(headers::UNPROCESSED);
    response
}
