//! WebSocket: after the backend agreed, the two connections are joined and bytes flow until either side ends.
//!
//! A client asks by an upgrade of HTTP/1.1 (RFC 6455) or by an extended CONNECT of HTTP/2 (RFC 8441), which
//! takes one stream of its connection; the backend is asked by an upgrade either way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::ext::Protocol as Extension;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::headers;
use crate::body::Body;
use crate::config::Protocol;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Whether the request wants to become a WebSocket.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    is_extended(request) || headers::upgrade(request.headers()).is_some()
}

/// Whether it is the extended CONNECT of a WebSocket.
pub(super) fn is_extended<B>(request: &Request<B>) -> bool {
    let extension = request.extensions().get::<Extension>();
    request.method() == Method::CONNECT
        && extension.is_some_and(|extension| extension.as_str().eq_ignore_ascii_case("websocket"))
}

/// What is remembered of a request that wants to change the protocol.
pub(super) struct Tunnel {
    asked: Option<(HeaderValue, OnUpgrade)>,
    /// Asked by an extended CONNECT: the client is answered as HTTP/2 answers.
    extended: bool,
    /// The listener waits for the tunnel when it ends.
    open: Option<TaskTrackerToken>,
}

impl Tunnel {
    /// Looks before hop-by-hop fields are stripped. What HTTP/2 says by its method becomes a GET.
    pub(super) fn asked(request: &mut Request<Body>, protocol: Protocol) -> Self {
        let extended = is_extended(request);
        let asked = if extended { Some(WEBSOCKET) } else { headers::upgrade(request.headers()) };
        if extended {
            *request.method_mut() = Method::GET;
            // HTTP/2 has no such field: the stream is key enough. HTTP/1.1 proves by it that it was understood.
            let key = STANDARD.encode(rand::random::<[u8; 16]>());
            if let Ok(key) = HeaderValue::from_str(&key) {
                request.headers_mut().insert(SEC_WEBSOCKET_KEY, key);
            }
        }
        let open = request.extensions_mut().remove::<TaskTrackerToken>();
        // Backends that speak HTTP/2 have no upgrades.
        let asked = asked.filter(|_| protocol == Protocol::Http1);
        Self { asked: asked.map(|asked| (asked, hyper::upgrade::on(request))), extended, open }
    }

    /// Passes the wish on.
    pub(super) fn keep(&self, headers: &mut HeaderMap) {
        if let Some((protocol, _)) = &self.asked {
            headers::set_upgrade(headers, protocol.clone());
        }
    }

    /// Joins the connections if the backend agreed. For a CONNECT any success would mean that it did (RFC 9110
    /// section 9.3.6), so one without a tunnel is an error.
    pub(super) fn open(self, response: &mut Response<Body>) -> Result<(), String> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return if self.extended && response.status().is_success() {
                Err(format!("the backend answered {} where a WebSocket was asked for", response.status()))
            } else {
                Ok(())
            };
        }
        let Some((_, client)) = self.asked else { return Ok(()) };
        let backend = hyper::upgrade::on(&mut *response);
        if self.extended {
            *response.status_mut() = StatusCode::OK;
            response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
        }
        tokio::spawn(async move {
            match tokio::try_join!(client, backend) {
                Ok((client, backend)) => {
                    let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
                    let ended = copy_bidirectional(&mut client, &mut backend).await;
                    tracing::debug!(ok = ended.is_ok(), "tunnel ended");
                }
                Err(error) => tracing::debug!(%error, "upgrade failed"),
            }
            drop(self.open);
        });
        Ok(())
    }
}
