//! Upgrades (WebSocket): after a 101 the two connections are joined and bytes flow until either side ends.

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::headers;
use crate::body::Body;
use crate::config::Protocol;

/// What is remembered of a request that wants to change the protocol.
pub(super) struct Tunnel {
    asked: Option<(HeaderValue, OnUpgrade)>,
}

impl Tunnel {
    /// Looks before hop-by-hop fields are stripped.
    pub(super) fn asked(request: &mut Request<Body>, protocol: Protocol) -> Self {
        // HTTP/2 has no upgrades.
        let asked = headers::upgrade(request.headers()).filter(|_| protocol == Protocol::Http1);
        Self { asked: asked.map(|protocol| (protocol, hyper::upgrade::on(request))) }
    }

    /// Passes the wish on.
    pub(super) fn keep(&self, headers: &mut HeaderMap) {
        if let Some((protocol, _)) = &self.asked {
            headers::set_upgrade(headers, protocol.clone());
        }
    }

    /// Joins the connections if the backend agreed.
    pub(super) fn open(self, response: &mut Response<Body>) {
        let Some((_, client)) = self.asked else { return };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let backend = hyper::upgrade::on(response);
        tokio::spawn(async move {
            match tokio::try_join!(client, backend) {
                Ok((client, backend)) => {
                    let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
                    let ended = copy_bidirectional(&mut client, &mut backend).await;
                    tracing::debug!(ok = ended.is_ok(), "tunnel ended");
                }
                Err(error) => tracing::debug!(%error, "upgrade failed"),
            }
        });
    }
}
