//! Accepting connections: HTTP/1.1 and HTTP/2 on one port, so many at once, ended in good order.

mod door;
pub(crate) mod guard;
mod proxy_header;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::body::Body;

pub(crate) use door::front;

/// What strangers may hold of a listener.
#[derive(Clone, Copy)]
struct Limits {
    /// Connections at once; more wait in the system's backlog. Tunnels (WebSocket) are not counted.
    connections: usize,
    /// A new client that has not made known which protocol it speaks by then is let go.
    first_words: Duration,
}

const LIMITS: Limits = Limits { connections: 16_384, first_words: Duration::from_secs(10) };
/// How a client that speaks HTTP/2 begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A preface that comes in pieces is looked at again so soon.
const PEEK_AGAIN: Duration = Duration::from_millis(20);
/// A client that sends no request for so long, or does not end its headers, is let go. Longer than the 60 s for
/// which common clients keep idle connections: who closes first must be the client, or its next POST is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
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
    S: Fn(TcpStream, SocketAddr, Watcher) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    accept_within(LIMITS, name, listener, stop, serve).await;
}

async fn accept_within<S, F>(
    limits: Limits,
    name: &'static str,
    listener: TcpListener,
    stop: CancellationToken,
    serve: S,
) where
    S: Fn(TcpStream, SocketAddr, Watcher) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (graceful, serve) = (GracefulShutdown::new(), Arc::new(serve));
    let seats = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next(&listener, &seats) => accepted,
        };
        match accepted {
            Ok((seat, stream, client)) => {
                let (serve, stop, watcher) = (Arc::clone(&serve), stop.clone(), graceful.watcher());
                tokio::spawn(async move {
                    if speaks(&stream, limits.first_words, &stop).await {
                        serve(stream, client, watcher).await;
                    }
                    drop(seat);
                });
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

/// The next connection, once there is a seat for it.
async fn next(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let seat = Arc::clone(seats).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, client) = listener.accept().await?;
    Ok((seat, stream, client))
}

/// Whether the client says in time which protocol it speaks: hyper would wait for that without end.
async fn speaks(stream: &TcpStream, within: Duration, stop: &CancellationToken) -> bool {
    if stream.set_nodelay(true).is_err() {
        return false;
    }
    tokio::select! {
        biased;
        spoke = tokio::time::timeout(within, first_words(stream)) => matches!(spoke, Ok(Ok(()))),
        () = stop.cancelled() => false,
    }
}

async fn first_words(stream: &TcpStream) -> io::Result<()> {
    let mut words = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut words).await?;
        match words.get(..count) {
            None | Some([]) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(words) if words != PREFACE && PREFACE.starts_with(words) => {
                tokio::time::sleep(PEEK_AGAIN).await;
            }
            Some(_) => return Ok(()),
        }
    }
}

/// Serves HTTP on one connection of a peer, every request by `handle`.
pub(crate) async fn http<I, H, F>(stream: I, watcher: Watcher, handle: H)
where
    I: Read + Write + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    serve(builder(), stream, watcher, handle).await;
}

async fn serve<I, H, F>(builder: Builder<TokioExecutor>, stream: I, watcher: Watcher, handle: H)
where
    I: Read + Write + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let response = handle(request);
        async move { Ok::<_, std::convert::Infallible>(response.await) }
    });
    let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL);
    builder
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;
    use crate::body;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const PATIENCE: Duration = Duration::from_secs(5);
    const SHORT: Duration = Duration::from_millis(200);

    /// Serves plain HTTP from a TCP connection.
    async fn plain<H, F>(stream: TcpStream, watcher: Watcher, handle: H)
    where
        H: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        http(TokioIo::new(stream), watcher, handle).await;
    }

    struct Listening {
        address: SocketAddr,
        stop: CancellationToken,
        task: JoinHandle<()>,
    }

    async fn listen(limits: Limits) -> Listening {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task =
            tokio::spawn(accept_within(limits, "test", listener, stop.clone(), |stream, _, watcher| {
                plain(stream, watcher, |_| async { Response::new(body::full("here")) })
            }));
        Listening { address, stop, task }
    }

    async fn ask(stream: &mut TcpStream) -> Vec<u8> {
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        answer.truncate(read);
        answer
    }

    #[tokio::test]
    async fn who_says_nothing_is_let_go() {
        let listening = listen(Limits { first_words: SHORT, ..LIMITS }).await;
        for words in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let mut silent = TcpStream::connect(listening.address).await.unwrap();
            silent.write_all(words).await.unwrap();
            let ended = timeout(PATIENCE, silent.read(&mut [0])).await;
            assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{words:?}: {ended:?}");
        }
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        assert!(ask(&mut stream).await.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn who_finds_no_seat_waits_for_one() {
        let listening = listen(Limits { connections: 1, ..LIMITS }).await;
        let mut first = TcpStream::connect(listening.address).await.unwrap();
        assert!(ask(&mut first).await.starts_with(b"HTTP/1.1 200"));
        let mut second = TcpStream::connect(listening.address).await.unwrap();
        let mut answer = Box::pin(ask(&mut second));
        assert!(timeout(SHORT, &mut answer).await.is_err(), "the only seat is taken");
        drop(first);
        assert!(timeout(PATIENCE, answer).await.unwrap().starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn the_silent_do_not_hold_up_the_end() {
        let listening = listen(LIMITS).await;
        let mut silent = TcpStream::connect(listening.address).await.unwrap();
        let mut busy = TcpStream::connect(listening.address).await.unwrap();
        assert!(ask(&mut busy).await.starts_with(b"HTTP/1.1 200"), "both are accepted");
        listening.stop.cancel();
        timeout(PATIENCE, listening.task).await.expect("well before the deadline").unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    }
}
