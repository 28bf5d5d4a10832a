//! One connection at the front door: who is it really, what does it speak, and is what it says in order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::guard::{Conversation, Guard};
use super::{LIMITS, PREFACE, builder, first_words, proxy_header, serve};
use crate::body::Body;
use crate::bounds::Bounds;

/// Serves a client's connection. `handle` gets the client's address, behind load balancers as they say it, and
/// for HTTP/1.1 what the guard has to say.
pub(crate) async fn front<H, F>(
    mut stream: TcpStream,
    peer: SocketAddr,
    bounds: &Bounds,
    watcher: Watcher,
    handle: H,
) where
    H: Fn(Request<Incoming>, SocketAddr, Option<Arc<Conversation>>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let client = match identify(&mut stream, peer, bounds).await {
        Ok(client) => client,
        Err(error) => {
            tracing::info!(%peer, %error, "connection without a usable PROXY header closed");
            return;
        }
    };
    let Ok(Ok(())) = timeout(LIMITS.first_words, first_words(&stream)).await else { return };
    let mut words = [0; PREFACE.len()];
    let Ok(count) = stream.peek(&mut words).await else { return };
    let mut builder = builder();
    builder.http2().max_header_list_size(bounds.max_header_bytes);
    if words.get(..count) == Some(PREFACE) {
        let handle = move |request| handle(request, client, None);
        return serve(builder.http2_only(), TokioIo::new(stream), watcher, handle).await;
    }
    let conversation = Arc::<Conversation>::default();
    let guard = Guard::new(stream, bounds, Arc::clone(&conversation));
    let handle = move |request| {
        let told = Arc::clone(&conversation);
        let response = handle(request, client, Some(Arc::clone(&conversation)));
        async move {
            let response = response.await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                told.open_tunnel();
            }
            response
        }
    };
    serve(builder.http1_only(), TokioIo::new(guard), watcher, handle).await;
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
