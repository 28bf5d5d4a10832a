//! The short way to a backend: a request without a body over HTTP/1.1, within the request's own task.
//!
//! hyper's client gives each connection a task of its own, and every request goes over to it and its answer back. Most
//! requests have no body: of these one head goes out, one answer comes in, and nothing has to happen at the same time.
//! So whoever asks writes and reads by himself. Requests with bodies, upgrades and HTTP/2 go through hyper (ADR 15).

mod body;
mod chunks;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use http::header::UPGRADE;
use http::{Method, Request, Response};
use http_body::Body as HttpBody;
use spillway_decide::balance::Fault;
use tokio::io::AsyncWriteExt;
use tokio_util::io::poll_read_buf;

use crate::body::Body;
use crate::config::Protocol;
use crate::turn::Turned;
use body::Rest;
use head::Head;

pub(crate) use body::WireBody;

/// Room for what is read at once: an answer's head, and a small answer whole.
const READ: usize = 8 << 10;
/// More is read at once where more is known to come.
const READ_MORE: usize = 64 << 10;

/// What an endpoint said that is not HTTP, in words.
#[derive(Debug)]
pub(super) struct Garbage(String);

/// A connection to an endpoint.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Turned,
    inbound: BytesMut,
    /// Whether more comes than one read takes.
    much: bool,
}

/// A request that was not answered.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) reason: String,
    pub(crate) fault: Fault,
    /// Nothing of it has left.
    pub(crate) unsent: bool,
}

impl Lost {
    fn reset(reason: &dyn ToString, unsent: bool) -> Self {
        Self { reason: reason.to_string(), fault: Fault::Reset, unsent }
    }
}

impl From<Garbage> for Lost {
    fn from(Garbage(reason): Garbage) -> Self {
        Self { reason: format!("not HTTP: {reason}"), fault: Fault::Garbage, unsent: false }
    }
}

/// A request that may take the short way, as it goes out: it has no body, and wants no other protocol than HTTP/1.1.
pub(crate) struct Short {
    head: Vec<u8>,
    method: Method,
}

impl Short {
    /// None: it is to go another way.
    pub(crate) fn of(request: &Request<Body>, protocol: Protocol) -> Option<Self> {
        let may = protocol == Protocol::Http1
            && request.body().is_end_stream()
            && !request.headers().contains_key(UPGRADE);
        may.then(|| Self { head: head::encode(request), method: request.method().clone() })
    }
}

impl Wire {
    pub(super) fn new(stream: Turned) -> Self {
        Self { stream, inbound: BytesMut::new(), much: false }
    }

    /// Whether an idle connection may be used: nothing has come, neither bytes nor an end.
    pub(super) fn is_silent(&self) -> bool {
        // With a waker that does nothing: whose answer the last one was has no more to do with this connection.
        match self.stream.stream().poll_read_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => true,
            Poll::Ready(_) => self
                .stream
                .stream()
                .try_read(&mut [0])
                .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock),
        }
    }

    /// Sends a request without a body and waits for the head of its answer.
    pub(super) async fn ask(mut self, short: &Short) -> Result<Response<WireBody>, Lost> {
        let whole = self.send(&short.head).await?;
        let Head { response, framing, keep_alive } = self.head(&short.method, whole).await?;
        Ok(response.map(|()| WireBody::new(self, Rest::of(framing), keep_alive)))
    }

    /// Whether it was one write.
    async fn send(&mut self, head: &[u8]) -> Result<bool, Lost> {
        let sent = self.stream.write(head).await.map_err(|error| Lost::reset(&error, true))?;
        self.stream.write_all(&head[sent..]).await.map_err(|error| Lost::reset(&error, false))?;
        Ok(sent == head.len())
    }

    /// The head of the answer, behind those that only say that it is to come.
    async fn head(&mut self, method: &Method, asked_in_one: bool) -> Result<Head, Lost> {
        loop {
            if let Some(head) = head::take_final(&mut self.inbound, method)? {
                return Ok(head);
            }
            match poll_fn(|context| Pin::new(&mut *self).poll_more(context)).await {
                Ok(0) => return Err(Lost::reset(&"the connection was closed before the answer", false)),
                Ok(_) => {}
                Err(error) => return Err(Lost::reset(&error, asked_in_one && self.stream.is_unsent())),
            }
        }
    }

    fn poll_more(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let room = if this.much { READ_MORE } else { READ };
        this.inbound.reserve(room);
        let read = poll_read_buf(Pin::new(&mut this.stream), context, &mut this.inbound);
        if let Poll::Ready(Ok(count)) = read {
            this.much = count >= READ;
        }
        read
    }
}
