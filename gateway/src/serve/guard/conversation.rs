//! What the two ends of one connection have to tell each other past the parser between them: the guard, which
//! sees bytes, and the handler, which sees requests.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::Refusal;

/// One connection's, shared by guard and handler.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Requests that were handed to the handler.
    handled: AtomicU64,
    /// The request that is refused, counted from 0: always the last one.
    refused: Mutex<Option<(u64, Refusal)>>,
    /// What is wrong with the body that is being read.
    broken: Mutex<Option<Refusal>>,
    reader: AtomicWaker,
    tunnel: AtomicBool,
}

impl Conversation {
    /// The guard refuses the request with this number.
    pub(super) fn refuse(&self, number: u64, refusal: Refusal) {
        *self.refused.lock() = Some((number, refusal));
    }

    /// The guard stops in the middle of a body.
    pub(super) fn break_body(&self, refusal: Refusal) {
        *self.broken.lock() = Some(refusal);
        self.reader.wake();
    }

    /// The handler got the next request; perhaps one that is refused.
    pub(crate) fn next(&self) -> Option<Refusal> {
        let number = self.handled.fetch_add(1, Ordering::Relaxed);
        self.refused.lock().filter(|(refused, _)| *refused == number).map(|(_, refusal)| refusal)
    }

    /// Ready when the body that is being read will not go on.
    pub(crate) fn poll_broken(&self, context: &Context<'_>) -> Poll<Refusal> {
        self.reader.register(context.waker());
        (*self.broken.lock()).map_or(Poll::Pending, Poll::Ready)
    }

    /// The handler changed the protocol: what comes is not HTTP any more.
    pub(crate) fn open_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }
}
