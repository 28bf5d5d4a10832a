//! Accepting connections: HTTP/1.1 and HTTP/2 on one port, so many at once, ended in good order.

mod door;
mod gathered;
pub(crate) mod guard;
mod heads;
mod http1;
mod life;
pub(crate) mod listen;
pub(crate) mod proxy_header;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::Body;
use crate::metrics::Metrics;
use gathered::Gathered;

pub(crate) use door::{Arrived, FrontDoor};
pub(crate) use life::{Life, Phase, Phases, Span};

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
/// After a failed accept (no file descriptors left, say) the listener breathes before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Spill brings many requests over few connections.
const MAX_STREAMS: u32 = 4096;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A listener with a name, and what it counts.
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    pub(crate) tcp: TcpListener,
    pub(crate) life: Life,
    pub(crate) metrics: Metrics,
}

/// What is left to be done for a connection once it is known how it speaks; none: nothing. In pieces, so that a silent
/// connection does not hold the room that its beginning took.
pub(crate) type Rest = Option<Serving>;
pub(crate) type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands every accepted connection to `serve` until the listener's life ends, then waits for those that are
/// served.
pub(crate) async fn accept<S, F>(listener: Listener, serve: S)
where
    S: Fn(TcpStream, SocketAddr, Span) -> F + Send + Sync + 'static,
    F: Future<Output = Rest> + Send + 'static,
{
    accept_within(LIMITS, listener, serve).await;
}

async fn accept_within<S, F>(limits: Limits, listener: Listener, serve: S)
where
    S: Fn(TcpStream, SocketAddr, Span) -> F + Send + Sync + 'static,
    F: Future<Output = Rest> + Send + 'static,
{
    let Listener { name, tcp, life, metrics } = listener;
    let serve = Arc::new(serve);
    let seats = Arc::new(Semaphore::new(limits.connections));
    let begin = |stream: TcpStream, client, seat: Option<OwnedSemaphorePermit>| {
        let (serve, span) = (Arc::clone(&serve), life.begin());
        let beginning = Box::pin(async move {
            if speaks(&stream, limits.first_words, &span).await {
                serve(stream, client, span).await
            } else {
                None
            }
        });
        life.open.spawn(async move {
            if let Some(rest) = beginning.await {
                rest.await;
            }
            drop(seat);
        });
    };
    let mut ends = pin!(life.reached(Phase::Ending));
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            () = &mut ends => break,
            accepted = next(&tcp, &seats) => accepted,
        };
        match accepted {
            Ok((seat, stream, client)) => {
                failing = false;
                begin(stream, client, Some(seat));
            }
            Err(error) => {
                metrics.accept_failed(name);
                // Said once in a row: it fails twenty times a second for as long as its reason lasts.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(listener = name, %error, "connections cannot be accepted");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    for (stream, client) in listen::close(tcp) {
        begin(stream, client, None);
    }
    life.open.close();
    if tokio::time::timeout(life.deadline, life.open.wait()).await.is_err() {
        let cut = life.open.len();
        tracing::warn!(listener = name, cut, "connections were still busy at the deadline and are cut");
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
async fn speaks(stream: &TcpStream, within: Duration, span: &Span) -> bool {
    if stream.set_nodelay(true).is_err() {
        return false;
    }
    tokio::select! {
        biased;
        spoke = tokio::time::timeout(within, first_words(stream)) => matches!(spoke, Ok(Ok(()))),
        () = span.ended() => false,
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

/// Serves HTTP/2 on a connection of a peer.
pub(crate) async fn http2<S, H, F>(stream: S, span: &Span, handle: H)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let (stream, outbox) = Gathered::new(stream);
    let connection = http2_builder().serve_connection(TokioIo::new(stream), service(handle));
    let served = finish(connection, span.ended(), http2::Connection::graceful_shutdown);
    outbox.send_after(pin!(served)).await;
}

fn service<H, F>(
    handle: H,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
>
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    service_fn(move |request| {
        // Boxed: hyper moves what it is given several times, and keeps room for it on idle connections, too.
        let response = Box::pin(handle(request));
        async move { Ok(response.await) }
    })
}

/// Runs a connection until the client goes, or until `leave`: then it is told, and what is in flight finished.
async fn finish<C, E>(connection: C, leave: impl Future<Output = ()>, tell: fn(Pin<&mut C>))
where
    C: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = leave => {
            tell(connection.as_mut());
            connection.await
        }
    };
    self::ended(ended);
}

fn ended<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
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

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;
    use crate::body;
    use crate::bounds::Bounds;
    use crate::turn::Turned;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const PATIENCE: Duration = Duration::from_secs(5);
    const SHORT: Duration = Duration::from_millis(200);

    /// Serves plain HTTP from a TCP connection.
    fn plain<H, F>(stream: TcpStream, span: Span, handle: H) -> Serving
    where
        H: Fn(Request<Incoming>) -> F + Send + Unpin + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let conversation = Arc::<guard::Conversation>::default();
        let guard =
            guard::Guard::new(Turned::new(stream, None), &Bounds::default(), Arc::clone(&conversation));
        Box::pin(http1::serve(guard, conversation, Arc::new(span), handle))
    }

    struct Listening {
        address: SocketAddr,
        phases: Phases,
        task: JoinHandle<()>,
    }

    async fn listen(limits: Limits) -> Listening {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, phases) = (listener.local_addr().unwrap(), Phases::default());
        let life = Life::new(phases.subscribe(), None, Duration::from_secs(10));
        let listener = Listener { name: "test", tcp: listener, life, metrics: Metrics::new() };
        let task = tokio::spawn(accept_within(limits, listener, |stream, _, span| async {
            Some(plain(stream, span, |_| async { Response::new(body::full("here")) }))
        }));
        Listening { address, phases, task }
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
        listening.phases.reach(Phase::Ending);
        timeout(PATIENCE, listening.task).await.expect("well before the deadline").unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    }
}
