//! What is found out about one request on its way through the gateway.
//!
//! A [`Record`] begins when the request is received, is filled where things happen, and ends with the last byte
//! of the response, or when the client is gone. Its end is what writes the line and the span: whoever drops it,
//! for whatever reason, has told what is known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{HeaderName, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use jiff::Timestamp;
use spillway_decide::redirects::Scheme;
use spillway_decide::routes::Route;

use super::Seen;
use super::body::watched;
use super::trace::Context;
use crate::body::Body;
use crate::config::Config;
use crate::metrics::{Answered, RouteHandle, Served};
use crate::proxy::{Origin, Upload};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request.
#[derive(Debug)]
pub(crate) struct Record {
    pub(super) seen: Seen,
    pub(super) received: Instant,
    pub(super) route: Option<Arc<RouteHandle>>,
    pub(super) served: Served,
    /// The other region, if there is one: where a spilled request arrived, or who served what we spilled.
    pub(super) other_region: Option<String>,
    /// Who answered, or was asked last.
    pub(super) backend: Option<SocketAddr>,
    pub(super) peer: Option<String>,
    pub(super) retries: u32,
    pub(super) retry_reason: Option<String>,
    /// Why the gateway itself answered.
    pub(super) reason: Option<&'static str>,
    is_traffic: bool,
    /// Its fields are those for the next hop.
    is_prepared: bool,
    /// None: nobody wants to know.
    pub(super) details: Option<Box<Details>>,
}

/// What only logs and traces need.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) at: Timestamp,
    pub(super) trace: Context,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) tls: Option<&'static str>,
    pub(super) client: IpAddr,
    pub(super) host: String,
    pub(super) scheme: Scheme,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) request_id: Option<HeaderValue>,
    pub(super) upload: Option<Upload>,
    pub(super) head: Option<(StatusCode, Duration)>,
    pub(super) bytes_out: u64,
    /// The response is whole.
    pub(super) whole: bool,
}

impl Record {
    pub(super) fn begin<B>(
        seen: Seen,
        request: &mut Request<B>,
        client: IpAddr,
        came_from: Option<&str>,
    ) -> Self {
        let details = seen.wants_details().then(|| Box::new(Details::begin(&seen, request, client)));
        Self {
            seen,
            received: Instant::now(),
            route: None,
            served: Served::Nobody,
            other_region: came_from.map(str::to_owned),
            backend: None,
            peer: None,
            retries: 0,
            retry_reason: None,
            reason: None,
            is_traffic: true,
            is_prepared: false,
            details,
        }
    }

    /// When it came.
    pub(crate) const fn received(&self) -> Instant {
        self.received
    }

    /// Its fields become those for the next hop; false if they are already: one that comes back from a failed spill.
    pub(crate) const fn prepares(&mut self) -> bool {
        !std::mem::replace(&mut self.is_prepared, true)
    }

    /// What protects its connection.
    pub(crate) fn came_over(&mut self, tls: Option<&'static str>) {
        if let Some(details) = &mut self.details {
            details.tls = tls;
        }
    }

    /// Who asked for what.
    pub(crate) fn asked_by(&mut self, origin: &Origin) {
        if let Some(details) = &mut self.details {
            details.client = origin.client;
            details.host.clone_from(&origin.authority);
            details.scheme = origin.scheme;
        }
    }

    /// Which route takes it.
    pub(crate) fn routed(&mut self, config: &Config, route: &Route) {
        self.route = Some(self.seen.metrics().route(config, route));
    }

    /// Its body is read through this.
    pub(crate) fn reads(&mut self, upload: &Upload) {
        if let Some(details) = &mut self.details {
            details.upload = Some(upload.clone());
        }
    }

    /// Who serves it.
    pub(crate) const fn served(&mut self, served: Served) {
        self.served = served;
    }

    /// Whether this is the region where it arrived.
    pub(crate) const fn is_first_hop(&self) -> bool {
        !matches!(self.served, Served::HereForOther)
    }

    /// It is sent to a gateway of another region.
    pub(crate) fn sent_to(&mut self, region: &str, peer: &str) {
        self.served = Served::ByOther;
        if self.other_region.as_deref() != Some(region) {
            self.other_region = Some(region.to_owned());
        }
        if self.details.is_some() {
            self.peer = Some(peer.to_owned());
        }
    }

    /// Nobody in the other region has processed it.
    pub(crate) fn came_home(&mut self) {
        (self.other_region, self.peer) = (None, None);
    }

    /// It is sent to a backend of our own.
    pub(crate) const fn sent_here(&mut self, backend: SocketAddr) {
        self.backend = Some(backend);
    }

    /// It is sent once more, because of this.
    pub(crate) fn retried(&mut self, reason: &str) {
        self.retries += 1;
        if self.details.is_some() {
            self.retry_reason = Some(reason.to_owned());
        }
    }

    /// The gateway answers itself.
    pub(crate) const fn refused(&mut self, reason: &'static str) {
        self.reason = Some(reason);
    }

    /// It asks the gateway about itself: nothing to tell.
    pub(crate) fn not_traffic(&mut self) {
        (self.details, self.is_traffic) = (None, false);
    }

    /// The head of the response is there. What is learned from its body is learned on its way out.
    pub(crate) fn answered(mut self, response: Response<Body>) -> Response<Body> {
        let (status, latency) = (response.status(), self.received.elapsed());
        if self.is_traffic {
            let answered = Answered { status, served: self.served, region: self.serving_region(), latency };
            self.seen.metrics().answered(self.route.as_deref(), answered);
        }
        match &mut self.details {
            None => response,
            Some(details) => {
                details.head = Some((status, latency));
                response.map(|body| watched(body, self))
            }
        }
    }

    pub(super) fn serving_region(&self) -> &str {
        match (self.served, &self.other_region) {
            (Served::ByOther, Some(region)) => region,
            _ => self.seen.region(),
        }
    }

    pub(super) fn origin_region(&self) -> &str {
        match (self.served, &self.other_region) {
            (Served::Here | Served::HereForOther | Served::Nobody, Some(region)) => region,
            _ => self.seen.region(),
        }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(details) = &mut self.details {
            details.bytes_out += bytes as u64;
        }
    }

    pub(super) fn is_whole(&mut self) {
        if let Some(details) = &mut self.details {
            details.whole = true;
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(details) = self.details.take() {
            self.seen.clone().tell(self, &details);
        }
    }
}

impl Details {
    fn begin<B>(seen: &Seen, request: &mut Request<B>, client: IpAddr) -> Self {
        let trace = seen.trace(request.headers_mut());
        let header = |name| request.headers().get(name).cloned();
        Self {
            at: Timestamp::now(),
            trace,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            tls: None,
            client,
            host: String::new(),
            scheme: Scheme::Http,
            user_agent: header(USER_AGENT),
            request_id: header(X_REQUEST_ID),
            upload: None,
            head: None,
            bytes_out: 0,
            whole: false,
        }
    }
}
