//! The front door: requests of clients, and the health check that peers probe.

use std::sync::Arc;

use http::header::USER_AGENT;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use spillway_decide::redirects::Scheme;
use spillway_decide::routes::Route;

use super::upload::{Limits, Upload};
use super::{Exchange, Origin, Proxy, WELL_KNOWN, admit, answer, upgrade};
use crate::body::Body;
use crate::seen::Record;
use crate::serve::Arrived;
use crate::serve::guard::{Conversation, Refusal};
use crate::traffic::{Arrival, Destination, PROBE_AGENT};

impl Proxy {
    /// Serves one request of a client. `conversation` is what the guard of an HTTP/1.1 connection has to say.
    pub(crate) async fn front_door(
        self,
        mut request: Request<Incoming>,
        arrived: Arrived,
        conversation: Option<Arc<Conversation>>,
    ) -> Response<Body> {
        let mut record = self.inner.seen.received(&mut request, arrived.client.ip(), None);
        record.came_over(arrived.tls);
        let response = self.serve_client(request, arrived, conversation, &mut record).await;
        record.answered(response)
    }

    async fn serve_client(
        &self,
        request: Request<Incoming>,
        arrived: Arrived,
        conversation: Option<Arc<Conversation>>,
        record: &mut Record,
    ) -> Response<Body> {
        let refused = conversation.as_ref().and_then(|conversation| conversation.next());
        let refused = refused.or_else(|| admit::refusal(&request, &self.inner.bounds, &self.inner.name));
        if let Some(refusal) = refused {
            return refuse(record, refusal);
        }
        if let Some(own) = request.uri().path().strip_prefix(WELL_KNOWN) {
            record.not_traffic();
            return self.own_path(own, request.headers());
        }
        let Ok(origin) = Origin::of_client(&request, arrived.client.ip(), arrived.scheme, &self.inner.bounds)
        else {
            record.refused("no host");
            return answer::no_host();
        };
        record.asked_by(&origin);
        let config = self.config();
        let Some(route) = config.routes.lookup(&origin.authority, request.uri().path()) else {
            return unrouted(record, &origin, config.is_loaded());
        };
        record.routed(&config, route);
        if route.https_redirect && origin.scheme == Scheme::Http {
            record.refused("https only");
            return to_https(&origin, request.uri());
        }
        let limits = Limits {
            pause: Some(self.inner.bounds.body_timeout()),
            bytes: route.max_body_bytes.or(self.inner.bounds.max_body_bytes),
        };
        let (request, upload) = match Upload::begin(request, limits, conversation, record.received()) {
            Ok(begun) => begun,
            Err(refusal) => return refuse(record, refusal),
        };
        record.reads(&upload);
        let (config, origin, arrival) = (&*config, &origin, Arrival::Local);
        let exchange = Exchange { config, route, origin, arrival, request, upload, record };
        match self.destination(route, &exchange) {
            Destination::Local => self.serve_here(exchange).await,
            Destination::Spill { region, peers } => {
                // Boxed: rare and large, it would make every request's future large.
                Box::pin(self.spill(exchange, &region, &peers)).await
            }
        }
    }

    /// An upgrade is a connection of its own: it stays where it arrives.
    fn destination(&self, route: &Route, exchange: &Exchange<'_>) -> Destination {
        let Some(priority) = &route.priority else { return Destination::Local };
        let request = &exchange.request;
        let spill_allowed = route.spill.allows(request.method().as_str()) && !upgrade::is_asked(request);
        self.inner.traffic.destination(priority, &route.id, exchange.origin.client, spill_allowed)
    }

    /// Other regions' gateways alone are to find nobody: a load balancer before this one must not take it out.
    fn plays_dead_for(&self, headers: &HeaderMap) -> bool {
        let asks = headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes() == PROBE_AGENT.as_bytes());
        asks && self.inner.traffic.plays_dead()
    }

    fn own_path(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        match path {
            "healthz" if self.plays_dead_for(headers) => {
                answer::unavailable("on a game day this region plays dead")
            }
            "healthz" if self.is_ready() => answer::text(StatusCode::OK, "ok"),
            "healthz" if self.inner.draining.is_cancelled() => answer::unavailable("draining"),
            "healthz" => answer::unavailable("no configuration is loaded yet"),
            _ => answer::text(StatusCode::NOT_FOUND, "spillway: no such path at the front door"),
        }
    }
}

/// Tells a client what is wrong with its request. Nothing of it has been asked of a backend, or will be.
pub(super) fn refuse(record: &mut Record, refusal: Refusal) -> Response<Body> {
    record.refused(refusal.message);
    answer::refused(refusal)
}

fn unrouted(record: &mut Record, origin: &Origin, loaded: bool) -> Response<Body> {
    if loaded {
        record.refused("no route");
        answer::no_route(&origin.authority)
    } else {
        record.refused("no configuration is loaded yet");
        answer::unavailable("spillway: no configuration is loaded yet")
    }
}

/// The same URL with TLS, whose port is the scheme's own. 308 keeps method and body (RFC 9110 section 15.4.9).
fn to_https(origin: &Origin, uri: &Uri) -> Response<Body> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let host = match origin.authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => &origin.authority,
    };
    answer::moved(&format!("https://{host}{target}"))
}
