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
    /// Heads that were handed on, and answers that were taken.
    passed: AtomicU64,
    answered: AtomicU64,
    /// The guard waits for the first byte of a request.
    between: AtomicBool,
    /// Something written may not be on its way yet.
    unsent: AtomicBool,
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

    /// The guard has handed on so many heads; is it between two messages?
    pub(super) fn listens(&self, passed: u64, between: bool) {
        self.passed.store(passed, Ordering::Relaxed);
        self.between.store(between, Ordering::Relaxed);
    }

    /// Something is being written, or all is on its way.
    pub(super) fn writes(&self, unsent: bool) {
        self.unsent.store(unsent, Ordering::Relaxed);
    }

    /// One more answer has been taken to the end, or given up.
    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests there have been, if nobody owes anybody anything.
    pub(crate) fn asked_and_answered(&self) -> Option<u64> {
        let (passed, answered) = (self.passed.load(Ordering::Relaxed), self.answered.load(Ordering::Relaxed));
        let quiet = self.between.load(Ordering::Relaxed) && !self.unsent.load(Ordering::Relaxed);
        (quiet && passed == answered).then_some(passed)
    }
}
