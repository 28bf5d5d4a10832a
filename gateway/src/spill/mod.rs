//! The spill listener: the door for peers, mutually authenticated.
//!
//! That a request came in here is the one proof that it has made its hop; no header says it. So whatever it
//! is, it is served by this region or refused.

mod commands;

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;

use crate::body::{self, Body};
use crate::mtls::{CallerIdentity, SpillAcceptor};
use crate::proxy::{Proxy, WELL_KNOWN, answer};
use crate::serve;
use crate::traffic::Traffic;

/// A report of 64 regions and hundreds of priorities fits well within.
const MAX_REPORT_BYTES: usize = 4 << 20;

/// What the spill listener serves with.
#[derive(Clone)]
pub struct SpillListener {
    acceptor: SpillAcceptor,
    proxy: Proxy,
    traffic: Traffic,
}

impl SpillListener {
    /// A listener that lets in whom `acceptor` accepts.
    #[must_use]
    pub const fn new(acceptor: SpillAcceptor, proxy: Proxy, traffic: Traffic) -> Self {
        Self { acceptor, proxy, traffic }
    }

    /// Serves peers until the listener ends.
    pub(crate) async fn run(self, listener: serve::Listener) {
        serve::accept(listener, move |stream, peer, span| {
            let door = self.clone();
            async move {
                match door.acceptor.accept(stream).await {
                    Ok((stream, caller)) => {
                        let handle = move |request| door.clone().serve(request, peer, caller.clone());
                        serve::http2(stream, &span, handle).await;
                    }
                    Err(error) => tracing::info!(%peer, %error, "connection to the spill listener refused"),
                }
                None
            }
        })
        .await;
    }

    async fn serve(
        self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        caller: CallerIdentity,
    ) -> Response<Body> {
        request.extensions_mut().insert(caller.clone());
        let own_path = request.uri().path().strip_prefix(WELL_KNOWN);
        let member = self.acceptor.is_member(&caller);
        match (own_path, request.method()) {
            (Some("report"), &Method::GET) if member || caller.hub || caller.operator.is_some() => {
                json(&self.traffic.report_to_hub())
            }
            (Some("commands"), _) if member || caller.hub || caller.operator.is_some() => {
                commands::serve(&self.traffic, request, &caller).await
            }
            _ if !member => not_a_member(&caller),
            (Some("exchange"), &Method::POST) => self.exchange(request, &caller).await,
            (Some(_), _) => answer::text(
                StatusCode::NOT_FOUND,
                "spillway: the spill listener has POST exchange, GET report, GET and POST commands",
            ),
            (None, _) => {
                self.proxy.spilled(request, peer, caller.region.as_deref().unwrap_or_default()).await
            }
        }
    }

    async fn exchange(&self, request: Request<Incoming>, caller: &CallerIdentity) -> Response<Body> {
        let collected = Limited::new(request.into_body(), MAX_REPORT_BYTES).collect().await;
        let bytes: Bytes = match collected {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                return answer::text(StatusCode::BAD_REQUEST, &format!("spillway: report not read: {error}"));
            }
        };
        match serde_json::from_slice(&bytes) {
            Ok(report) => json(&self.traffic.exchange(caller, report)),
            Err(error) => {
                answer::text(StatusCode::BAD_REQUEST, &format!("spillway: this is no report: {error}"))
            }
        }
    }
}

fn not_a_member(caller: &CallerIdentity) -> Response<Body> {
    let message = format!("spillway: {caller} is no member of this federation; only members spill");
    answer::text(StatusCode::FORBIDDEN, &message)
}

fn json<T: Serialize>(value: &T) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = Response::new(body::full(bytes));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, &format!("spillway: {error}")),
    }
}
