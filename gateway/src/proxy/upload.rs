//! The body of a request on its way in: bounded in size and in patience, and a witness of who is to blame when
//! it breaks off. A client that is slow, sends too much or goes away must not count against the backend.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::body::{self, Body, BodyError};
use crate::serve::guard::{Conversation, Refusal};

/// What is known of a request's body while somebody else reads it.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    /// Milliseconds from the beginning to the last piece.
    progress: AtomicU64,
    bytes: AtomicU64,
    fault: OnceLock<Refusal>,
}

/// What a body is held to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// The longest pause.
    pub(super) pause: Option<Duration>,
    /// The most bytes.
    pub(super) bytes: Option<u64>,
}

impl Upload {
    /// Takes a request's body into watch. One that says beforehand that it is too large is refused.
    pub(super) fn begin(
        request: Request<Incoming>,
        limits: Limits,
        conversation: Option<Arc<Conversation>>,
        began: Instant,
    ) -> Result<(Request<Body>, Self), Refusal> {
        if limits.bytes.is_some_and(|most| request.body().size_hint().lower() > most) {
            return Err(Refusal::BODY_TOO_LARGE);
        }
        let upload = Self::new(began);
        let watched = upload.clone();
        let request = request.map(|incoming| {
            if incoming.is_end_stream() {
                return body::incoming(incoming);
            }
            let left = limits.bytes.unwrap_or(u64::MAX);
            Watched { incoming, upload: watched, left, pause: limits.pause, timer: None, conversation }
                .boxed_unsync()
        });
        Ok((request, upload))
    }

    fn new(began: Instant) -> Self {
        let (progress, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let inner = Inner { began, progress, bytes, fault: OnceLock::new() };
        Self { inner: Arc::new(inner) }
    }

    #[cfg(test)]
    pub(super) fn for_test() -> Self {
        Self::new(Instant::now())
    }

    /// Why the body broke off, if that was the client's doing.
    pub(super) fn fault(&self) -> Option<Refusal> {
        self.inner.fault.get().copied()
    }

    /// How much has come.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.bytes.load(Ordering::Relaxed)
    }

    /// When the last piece came.
    pub(super) fn last_progress(&self) -> Instant {
        self.inner.began + Duration::from_millis(self.inner.progress.load(Ordering::Relaxed))
    }

    fn went_on(&self) {
        let millis = u64::try_from(self.inner.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.progress.store(millis, Ordering::Relaxed);
    }

    fn blame(&self, refusal: Refusal) -> BodyError {
        // The first reason stands.
        self.inner.fault.get_or_init(|| refusal).message.into()
    }
}

struct Watched {
    incoming: Incoming,
    upload: Upload,
    /// Bytes that may still come.
    left: u64,
    pause: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    conversation: Option<Arc<Conversation>>,
}

impl Watched {
    /// Nothing has come: is there a reason to give up?
    fn poll_given_up(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        if let Some(conversation) = &self.conversation
            && let Poll::Ready(refusal) = conversation.poll_broken(context)
        {
            return Poll::Ready(refusal);
        }
        let Some(pause) = self.pause else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        timer.as_mut().poll(context).map(|()| Refusal::BODY_TOO_SLOW)
    }

    fn took(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        self.timer = None;
        self.upload.went_on();
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.upload.inner.bytes.fetch_add(length, Ordering::Relaxed);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Err(self.upload.blame(Refusal::BODY_TOO_LARGE)),
        }
        Ok(frame)
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.took(frame))),
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(self.upload.blame(Refusal::BODY_BROKE)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let given_up = self.poll_given_up(context);
                given_up.map(|refusal| Some(Err(self.upload.blame(refusal))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
