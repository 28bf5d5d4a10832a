//! One connection at the front door: who is it really, what does it speak, and is what it says in order.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use http::header::UPGRADE;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use spillway_decide::redirects::Scheme;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::gathered::Gathered;
use super::guard::{Conversation, Guard};
use super::heads::Timed;
use super::http1::{self, Stream};
use super::{
    LIMITS, PREFACE, Rest, Serving, Span, finish, first_words, http2_builder, proxy_header, service,
};
use crate::body::Body;
use crate::bounds::Bounds;
use crate::coalesce::Coalesce;
use crate::tls::FrontTls;
use crate::turn::{Turn, Turned};

/// How a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// The client's address, behind load balancers as they say it.
    pub(crate) client: SocketAddr,
    /// Whether over TLS.
    pub(crate) scheme: Scheme,
    /// The version of TLS, as logs call it.
    pub(crate) tls: Option<&'static str>,
}

/// A front door: what it takes, and how it speaks.
pub(crate) struct FrontDoor {
    pub(crate) bounds: Arc<Bounds>,
    /// None: without TLS.
    pub(crate) tls: Option<FrontTls>,
    pub(crate) turn: Option<Turn>,
}

impl FrontDoor {
    /// Finds out how a client speaks; what comes then is the rest. `handle` gets, for HTTP/1.1, what the guard has to
    /// say.
    pub(crate) async fn serve<H, F>(
        self: Arc<Self>,
        mut stream: TcpStream,
        peer: SocketAddr,
        span: Span,
        handle: H,
    ) -> Rest
    where
        H: Fn(Request<Incoming>, Arrived, Option<Arc<Conversation>>) -> F + Send + Unpin + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let client = match identify(&mut stream, peer, &self.bounds).await {
            Ok(client) => client,
            Err(error) => {
                tracing::info!(%peer, %error, "connection without a usable PROXY header closed");
                return None;
            }
        };
        let Some(tls) = &self.tls else {
            let arrived = Arrived { client, scheme: Scheme::Http, tls: None };
            let Ok(Ok(())) = timeout(LIMITS.first_words, first_words(&stream)).await else { return None };
            let mut words = [0; PREFACE.len()];
            let count = stream.peek(&mut words).await.ok()?;
            let http2 = words.get(..count) == Some(PREFACE);
            let stream = Turned::new(stream, self.turn.clone());
            return Some(self.http(stream, http2, arrived, span, handle));
        };
        match tls.accept(Turned::new(stream, self.turn.clone())).await {
            Ok((stream, http2)) => {
                let tls = stream.get_ref().1.protocol_version().and_then(|version| version.as_str());
                let arrived = Arrived { client, scheme: Scheme::Https, tls };
                Some(self.http(Coalesce(stream), http2, arrived, span, handle))
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "TLS handshake failed");
                None
            }
        }
    }

    fn http<S, H, F>(&self, stream: S, http2: bool, arrived: Arrived, span: Span, handle: H) -> Serving
    where
        S: Stream,
        H: Fn(Request<Incoming>, Arrived, Option<Arc<Conversation>>) -> F + Send + Unpin + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let bounds = &self.bounds;
        if http2 {
            let (stream, outbox) = Gathered::new(stream);
            let stream = TokioIo::new(Timed::new(stream, bounds.header_timeout()));
            let service = service(move |request| handle(request, arrived, None));
            let connection = http2_builder()
                .max_header_list_size(bounds.max_header_bytes)
                .enable_connect_protocol()
                .serve_connection(stream, service);
            return Box::pin(async move {
                let served = finish(connection, span.to_be_left(), http2::Connection::graceful_shutdown);
                outbox.send_after(pin!(served)).await;
            });
        }
        let (span, conversation) = (Arc::new(span), Arc::<Conversation>::default());
        let guard = Guard::new(stream, bounds, Arc::clone(&conversation));
        let (told, told_by) = (Arc::clone(&span), Arc::clone(&conversation));
        let handle = move |mut request: Request<Incoming>| {
            if request.headers().contains_key(UPGRADE) {
                // A tunnel lives on when its connection is over for HTTP; the listener waits for it all the same.
                request.extensions_mut().insert(told.tracker().token());
            }
            let (told, guard) = (Arc::clone(&told), Arc::clone(&told_by));
            let response = handle(request, arrived, Some(Arc::clone(&told_by)));
            async move {
                let mut response = response.await;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    guard.open_tunnel();
                }
                told.tell(&mut response);
                response
            }
        };
        Box::pin(http1::serve(guard, conversation, span, handle))
    }
}

/// The client's address: the peer's own, or what a listed load balancer says before anything else.
async fn identify(stream: &mut TcpStream, peer: SocketAddr, bounds: &Bounds) -> std::io::Result<SocketAddr> {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if !bounds.expects_proxy_header(peer.ip()) {
        return Ok(peer);
    }
    match timeout(LIMITS.first_words, proxy_header::read(stream)).await {
        Ok(read) => Ok(read?.unwrap_or(peer)),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
