//! The guard as a stream: it withholds a head until it is whole and in order.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, timeout};
use tokio_util::io::poll_read_buf;

use super::framing::{Framing, Sizes, Stop};
use super::{Conversation, Refusal};
use crate::bounds::Bounds;

/// Read at once from the socket.
const READ: usize = 16 << 10;
/// What the parser gets in place of a refused request.
const IN_ITS_PLACE: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// Who was refused may still be sending: closing at once would reset the connection and lose the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1 << 20;

/// A stream that hands on only requests that are in order.
pub(crate) struct Guard<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    /// None only while it is dropped.
    stream: Option<S>,
    /// What was kept back; the first `passed` bytes are in order by now.
    inbound: BytesMut,
    passed: usize,
    framing: Framing,
    state: State,
    conversation: Arc<Conversation>,
    head_timeout: Duration,
    /// Runs while a head is incomplete.
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Http,
    /// Nothing more is read; the handler answers.
    Refused,
    /// What comes is not HTTP.
    Tunnel,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Guard<S> {
    pub(crate) fn new(stream: S, bounds: &Bounds, conversation: Arc<Conversation>) -> Self {
        let sizes = Sizes { uri: bounds.max_uri_bytes as usize, head: bounds.max_header_bytes as usize };
        Self {
            stream: Some(stream),
            inbound: BytesMut::new(),
            passed: 0,
            framing: Framing::new(sizes),
            state: State::Http,
            conversation,
            head_timeout: bounds.header_timeout(),
            timer: None,
        }
    }

    /// The stream, while it is nobody else's.
    pub(crate) const fn stream(&self) -> Option<&S> {
        self.stream.as_ref()
    }

    /// Takes back what was in order and nobody has looked at: empty lines before a request.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.inbound = [bytes, &self.inbound].concat().as_slice().into();
            self.passed += bytes.len();
        }
    }

    /// Waits for the first byte of a request.
    fn is_between(&self) -> bool {
        self.state == State::Http && self.framing.is_in_head() && self.inbound.is_empty()
    }

    /// Looks at what was kept back.
    fn examine(&mut self) {
        let kept = std::mem::take(&mut self.inbound);
        let (passed, stop) = self.judge(&kept[self.passed..]);
        self.inbound = kept;
        self.passed += passed;
        self.obey(stop);
    }

    /// How many of these bytes may pass, and why not more.
    fn judge(&mut self, bytes: &[u8]) -> (usize, Stop) {
        if self.conversation.is_tunnel() {
            self.state = State::Tunnel;
        }
        match self.state {
            State::Http => {}
            State::Tunnel => return (bytes.len(), Stop::More),
            State::Refused => return (0, Stop::More),
        }
        let heads = self.framing.heads;
        let judged = self.framing.advance(bytes);
        if self.framing.heads != heads {
            self.timer = None;
        }
        judged
    }

    fn obey(&mut self, stop: Stop) {
        match stop {
            Stop::More => {}
            Stop::Head(refusal) => self.refuse(refusal),
            Stop::Body(refusal) => {
                self.state = State::Refused;
                self.inbound.truncate(self.passed);
                self.conversation.break_body(refusal);
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.state = State::Refused;
        self.timer = None;
        self.conversation.refuse(self.framing.heads, refusal);
        self.inbound.truncate(self.passed);
        self.inbound.extend_from_slice(IN_ITS_PLACE);
        self.passed = self.inbound.len();
    }

    /// Runs the clock of a head that has begun and is not whole.
    fn watch_the_clock(&mut self, context: &mut Context<'_>) {
        let waiting = self.inbound.len() > self.passed;
        if !waiting || !self.framing.is_in_head() || self.state != State::Http {
            self.timer = None;
            return;
        }
        let timeout = self.head_timeout;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if timer.as_mut().poll(context).is_ready() {
            self.refuse(Refusal::HEAD_TOO_SLOW);
        }
    }

    /// Reads more to what is kept back; false at the end of the stream.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Ok(false)) };
        self.inbound.reserve(READ);
        let read = ready!(poll_read_buf(Pin::new(stream), context, &mut self.inbound))?;
        Poll::Ready(Ok(read > 0))
    }

    /// Reads straight into the parser's buffer, and takes back what may not pass yet; tells whether the read is
    /// done. An idle connection so holds no memory here, and what is in order is not copied.
    fn poll_straight(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Ok(true)) };
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        if buffer.filled().len() == before {
            return Poll::Ready(Ok(true));
        }
        let (passed, stop) = self.judge(&buffer.filled()[before..]);
        self.inbound.extend_from_slice(&buffer.filled()[before + passed..]);
        buffer.set_filled(before + passed);
        self.obey(stop);
        Poll::Ready(Ok(passed > 0))
    }

    /// Hands on what is in order of what was kept back.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.passed.min(buffer.remaining());
        buffer.put_slice(&self.inbound[..count]);
        self.inbound.advance(count);
        self.passed -= count;
        if self.inbound.is_empty() {
            self.inbound = BytesMut::new();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.poll_in_order(context, buffer);
        self.conversation.listens(self.framing.heads, polled.is_pending() && self.is_between());
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Guard<S> {
    fn poll_in_order(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.passed == 0 && !self.inbound.is_empty() {
                self.examine();
                self.watch_the_clock(context);
            }
            if self.passed > 0 {
                self.hand_on(buffer);
                return Poll::Ready(Ok(()));
            }
            if self.state == State::Refused {
                // The handler's answer ends the connection.
                return Poll::Pending;
            }
            if self.inbound.is_empty() {
                if ready!(self.poll_straight(context, buffer))? {
                    return Poll::Ready(Ok(()));
                }
            } else if !ready!(self.poll_more(context))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.conversation.writes(true);
        match self.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(stream) = self.stream.as_mut() {
            ready!(Pin::new(stream).poll_flush(context))?;
        }
        self.conversation.writes(false);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.conversation.writes(true);
        match self.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Guard<S> {
    fn drop(&mut self) {
        let lingers = self.state == State::Refused || !self.framing.is_in_head() || !self.inbound.is_empty();
        if let Some(stream) = self.stream.take().filter(|_| lingers && self.state != State::Tunnel)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(linger(stream));
        }
    }
}

/// Reads on for a while what nobody wants.
async fn linger<S: AsyncRead + Unpin>(stream: S) {
    let mut rest = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}
