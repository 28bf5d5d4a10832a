//! Accepting connections: HTTP/1.1 and HTTP/2 on one port, ended in good order.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::body::Body;

/// A client that has not sent its headers by then is let go.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests in flight get so long when the gateway ends.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// After a failed accept (no file descriptors left, say) the listener breathes before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Spill brings many requests over few connections.
const MAX_STREAMS: u32 = 4096;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Hands every accepted connection to `serve` until `stop`, then waits for those that are served.
pub(crate) async fn accept<S, F>(name: &'static str, listener: TcpListener, stop: CancellationToken, serve: S)
where
    S: Fn(TcpStream, SocketAddr, Watcher) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(listener = name, %client, %error, "connection lost before it began");
                    continue;
                }
                tokio::spawn(serve(stream, client, graceful.watcher()));
            }
            Err(error) => {
                tracing::warn!(listener = name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_DEADLINE, graceful.shutdown()).await.is_err() {
        tracing::warn!(listener = name, "connections were still busy at the deadline and are cut");
    }
}

/// Serves HTTP on one connection, every request by `handle`.
pub(crate) async fn http<I, H, F>(stream: I, watcher: Watcher, handle: H)
where
    I: Read + Write + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let response = handle(request);
        async move { Ok::<_, std::convert::Infallible>(response.await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL);
    let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

/// Serves plain HTTP from a TCP connection.
pub(crate) async fn plain<H, F>(stream: TcpStream, watcher: Watcher, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    http(TokioIo::new(stream), watcher, handle).await;
}
