//! HTTP/1.1 with clients that are silent most of the time.
//!
//! hyper keeps its buffers and the room for a request for as long as a connection lives: some 30 KB. So while a client
//! is silent there is no hyper: the connection is taken apart, and of it stay the socket, the guard before it, and a
//! clock. The next byte has it put together again. A client that asks without a pause is not taken apart: that costs
//! about as much as an answer out of memory.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::guard::{Conversation, Guard};
use super::{IDLE_TIMEOUT, Span, ended};
use crate::body::{Body, BodyError};
use crate::coalesce::Coalesce;
use crate::turn::{FAREWELL, Turned};

/// Whether a client is silent is looked at so soon, and then after twice the time, and so on.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_secs(1);
/// For the last bytes to a client that is let go: TLS says goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A client's stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Ready when there may be something to read, or nothing more to come.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Whether something that was written has not gone yet.
    fn owes(&self) -> bool;
}

impl Stream for Turned {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.stream().poll_read_ready(context).map(drop)
    }

    fn owes(&self) -> bool {
        Turned::owes(self)
    }
}

impl Stream for Coalesce<TlsStream<Turned>> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.get_ref().0.poll_readable(context)
    }

    fn owes(&self) -> bool {
        self.0.get_ref().0.owes()
    }
}

/// Serves a client, and what its connection is upgraded to, every request by `handle`.
pub(super) fn serve<S, H, F>(
    guard: Guard<S>,
    conversation: Arc<Conversation>,
    span: Arc<Span>,
    handle: H,
) -> impl Future<Output = ()> + Send
where
    S: Stream,
    H: Fn(Request<Incoming>) -> F + Send + Unpin + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    // Made here and not within: what is moved from one variable of a future to another one takes its room twice.
    let mut apart = Some((guard, service(handle, Arc::clone(&conversation))));
    let mut silence = Silence { asked: 0, since: Instant::now() };
    async move {
        while let Some((guard, service)) = apart.take() {
            // Boxed, so that its memory goes when the client is silent.
            apart = Box::pin(until_silent(guard, service, &conversation, &span)).await;
            let Some((guard, _)) = &mut apart else { return };
            let end = silence.end(conversation.asked_and_answered(), Instant::now());
            if !speaks_again(guard, &span, end).await {
                return;
            }
        }
    }
}

fn service<H, F>(
    handle: H,
    conversation: Arc<Conversation>,
) -> impl HttpService<Incoming, ResBody = Answer, Error = Infallible, Future: Send> + Unpin + Send
where
    H: Fn(Request<Incoming>) -> F + Send + Unpin + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    service_fn(move |request| {
        // Boxed: hyper moves what it is given several times.
        let (response, in_flight) = (Box::pin(handle(request)), InFlight(Arc::clone(&conversation)));
        async move { Ok::<_, Infallible>(response.await.map(|body| Answer { body, _in_flight: in_flight })) }
    })
}

/// Serves until the connection is over (then there is nothing left of it), or until the client is silent.
async fn until_silent<S, V>(
    guard: Guard<S>,
    service: V,
    conversation: &Conversation,
    span: &Span,
) -> Option<(Guard<S>, V)>
where
    S: Stream,
    V: HttpService<Incoming, ResBody = Answer, Error = Infallible> + Unpin,
    V::Future: Send,
{
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(guard), service).with_upgrades();
    let mut silent = pin!(silent(conversation));
    let mut over = pin!(span.ended());
    let asked_to_end = tokio::select! {
        biased;
        result = &mut connection => {
            ended(result);
            return None;
        }
        () = &mut silent => false,
        () = &mut over => true,
    };
    if asked_to_end {
        Pin::new(&mut connection).graceful_shutdown();
        ended(connection.await);
        return None;
    }
    let parts = connection.into_parts()?;
    let mut guard = parts.io.into_inner();
    guard.put_back(&parts.read_buf);
    Some((guard, parts.service))
}

/// Comes to an end when a client has asked nothing between two looks, and is owed nothing.
async fn silent(conversation: &Conversation) {
    let (mut pause, mut known) = (FIRST_LOOK, None);
    loop {
        sleep(pause).await;
        let asked = conversation.asked_and_answered();
        if asked.is_some() && asked == known {
            return;
        }
        known = asked;
        pause = (pause * 2).min(LAST_LOOK);
    }
}

/// Since when a client has asked nothing. Who sends empty lines, which may stand before a request, asks nothing.
struct Silence {
    asked: u64,
    since: Instant,
}

impl Silence {
    /// When a client that has asked so often by now has been silent for too long.
    fn end(&mut self, asked: Option<u64>, now: Instant) -> Instant {
        if let Some(asked) = asked.filter(|asked| *asked != self.asked) {
            *self = Self { asked, since: now };
        }
        self.since + IDLE_TIMEOUT
    }
}

/// Waits for a silent client. One that stays so for too long is let go, and all are when the listener ends.
async fn speaks_again<S: Stream>(guard: &mut Guard<S>, span: &Span, end: Instant) -> bool {
    let speaks = tokio::select! {
        biased;
        () = sleep_until(end) => false,
        () = poll_fn(|context| guard.stream().map_or(Poll::Ready(()), |stream| stream.poll_readable(context))) => true,
        () = span.ended() => false,
    };
    if !speaks {
        let owes = guard.stream().is_some_and(Stream::owes);
        let _ = timeout(if owes { FAREWELL } else { GOODBYE }, guard.shutdown()).await;
    }
    speaks
}

/// A request from its head to the last byte of its answer that hyper took.
struct InFlight(Arc<Conversation>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;

    use super::super::{Life, Phase, Phases};
    use super::*;
    use crate::body;
    use crate::bounds::Bounds;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const PATIENCE: Duration = Duration::from_secs(10);

    struct Connected {
        client: TcpStream,
        guard: Guard<Turned>,
        conversation: Arc<Conversation>,
        phases: Phases,
        span: Span,
    }

    async fn connect() -> Connected {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let conversation = Arc::<Conversation>::default();
        let guard = Guard::new(Turned::new(stream, None), &Bounds::default(), Arc::clone(&conversation));
        let phases = Phases::default();
        let span = Life::new(phases.subscribe(), None, PATIENCE).begin();
        Connected { client, guard, conversation, phases, span }
    }

    async fn here(_: Request<Incoming>) -> Response<Body> {
        Response::new(body::full("here"))
    }

    async fn read_answer(client: &mut TcpStream) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"here") {
            assert!(client.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }

    #[tokio::test]
    async fn of_a_silent_client_stays_a_socket_that_serves_again() {
        let Connected { mut client, guard, conversation, phases, span } = connect().await;
        let service = service(here, Arc::clone(&conversation));
        client.write_all(REQUEST).await.unwrap();
        let silent = timeout(PATIENCE, until_silent(guard, service, &conversation, &span)).await.unwrap();
        let (mut guard, service) = silent.expect("the client is still there");
        read_answer(&mut client).await;

        let (begin, rest) = REQUEST.split_at(9);
        client.write_all(begin).await.unwrap();
        assert!(timeout(PATIENCE, speaks_again(&mut guard, &span, Instant::now() + PATIENCE)).await.unwrap());
        client.write_all(rest).await.unwrap();
        let silent = timeout(PATIENCE, until_silent(guard, service, &conversation, &span)).await.unwrap();
        let (mut guard, _) = silent.expect("the client is still there");
        read_answer(&mut client).await;

        phases.reach(Phase::Ending);
        assert!(
            !timeout(PATIENCE, speaks_again(&mut guard, &span, Instant::now() + PATIENCE)).await.unwrap()
        );
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "it is told");
    }

    #[tokio::test]
    async fn empty_lines_are_no_request_and_give_no_more_time() {
        let Connected { mut client, guard, conversation, phases: _phases, span } = connect().await;
        let begun = Instant::now();
        let mut silence = Silence { asked: 0, since: begun };
        let service = service(here, Arc::clone(&conversation));
        client.write_all(REQUEST).await.unwrap();
        let silent = timeout(PATIENCE, until_silent(guard, service, &conversation, &span)).await.unwrap();
        let (guard, service) = silent.expect("the client is still there");
        let later = begun + Duration::from_secs(1);
        assert_eq!(
            silence.end(conversation.asked_and_answered(), later),
            later + IDLE_TIMEOUT,
            "it has asked"
        );

        client.write_all(b"\r\n\r\n").await.unwrap();
        let silent = timeout(PATIENCE, until_silent(guard, service, &conversation, &span)).await.unwrap();
        let (mut guard, _) = silent.expect("the client is still there");
        let much_later = later + IDLE_TIMEOUT;
        let end = silence.end(conversation.asked_and_answered(), much_later);
        assert_eq!(end, much_later, "empty lines are nothing");
        client.write_all(b"\r\n").await.unwrap();
        guard.stream().unwrap().stream().readable().await.unwrap();
        assert!(!timeout(PATIENCE, speaks_again(&mut guard, &span, begun)).await.unwrap());
    }

    #[tokio::test]
    async fn who_is_owed_something_or_has_begun_to_ask_is_not_silent() {
        let Connected { mut client, guard, conversation, phases: _phases, span } = connect().await;
        let (asked, may_answer) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (tell, wait) = (Arc::clone(&asked), Arc::clone(&may_answer));
        let handle = move |request| {
            let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
            async move {
                tell.add_permits(1);
                let _answer = wait.acquire().await;
                here(request).await
            }
        };
        let told = Arc::clone(&conversation);
        let serving = tokio::spawn(async move {
            let service = service(handle, Arc::clone(&told));
            until_silent(guard, service, &told, &span).await.is_some()
        });
        client.write_all(REQUEST).await.unwrap();
        let _ = timeout(PATIENCE, asked.acquire()).await.unwrap().unwrap();
        assert_eq!(conversation.asked_and_answered(), None, "it waits for an answer");
        client.write_all(&REQUEST[..9]).await.unwrap();
        may_answer.add_permits(1);
        read_answer(&mut client).await;
        let begun = async {
            while conversation.asked_and_answered().is_some() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, begun).await.expect("it has begun to ask again");
        client.write_all(&REQUEST[9..]).await.unwrap();
        read_answer(&mut client).await;
        assert!(timeout(PATIENCE, serving).await.unwrap().unwrap(), "now it is silent");
    }
}
