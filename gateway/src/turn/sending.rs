//! The half of a connection that sends. The turn holds it as long as it keeps something for it.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::AbortHandle;

#[derive(Debug)]
pub(super) struct Sending {
    state: Mutex<State>,
    /// Whether it has a failure.
    failed: AtomicBool,
}

#[derive(Debug)]
struct State {
    socket: OwnedWriteHalf,
    /// How many parcels of it the turn keeps.
    kept: usize,
    /// What the socket had no room for when the turn ended.
    left: Vec<u8>,
    /// The task that sends what is left.
    finisher: Option<AbortHandle>,
    /// Who waits until it is gone.
    waiting: Option<Waker>,
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    kind: io::ErrorKind,
    unsent: bool,
}

/// What may be done with a write now.
pub(super) enum Order {
    /// Nothing is before it.
    Now,
    /// The turn has something that goes before.
    BehindTurn,
}

impl Sending {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        let state = State { socket, kept: 0, left: Vec::new(), finisher: None, waiting: None, failure: None };
        Self { state: Mutex::new(state), failed: AtomicBool::new(false) }
    }

    /// An error, once something did not go.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.failed.load(Ordering::Relaxed) { self.state.lock().check() } else { Ok(()) }
    }

    /// Whether a parcel did not go, not even a part of it.
    pub(super) fn is_unsent(&self) -> bool {
        self.state.lock().failure.is_some_and(|failure| failure.unsent)
    }

    /// Counts a parcel that `keep` puts into the turn, if it does and nothing is left that goes before.
    pub(super) fn put_off(&self, keep: impl FnOnce() -> bool) -> io::Result<bool> {
        let mut state = self.state.lock();
        state.check()?;
        let kept = state.left.is_empty() && keep();
        state.kept += usize::from(kept);
        Ok(kept)
    }

    pub(super) fn order(&self) -> Order {
        if self.state.lock().kept == 0 { Order::Now } else { Order::BehindTurn }
    }

    /// Writes to the socket, behind what is left.
    pub(super) fn poll_free<T>(
        &self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut OwnedWriteHalf>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut state = self.state.lock();
        state.check()?;
        if !state.left.is_empty() {
            state.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        write(Pin::new(&mut state.socket), context)
    }

    /// Sends a parcel as far as there is room; a task of its own sends the rest.
    pub(super) fn send(self: Arc<Self>, parcel: &[u8]) {
        let mut state = self.state.lock();
        state.kept -= 1;
        if state.failure.is_some() {
            return;
        }
        if !state.left.is_empty() {
            state.left.extend_from_slice(parcel);
            return;
        }
        let sent = match state.socket.try_write(parcel) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return self.fail(&mut state, &error, true),
        };
        if sent < parcel.len() {
            state.left.extend_from_slice(&parcel[sent..]);
            let finishing = Arc::clone(&self);
            let finisher =
                tokio::spawn(async move { poll_fn(|context| finishing.poll_finish(context)).await });
            state.finisher = Some(finisher.abort_handle());
        }
    }

    fn poll_finish(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        while !state.left.is_empty() {
            let State { socket, left, .. } = &mut *state;
            match ready!(Pin::new(socket).poll_write(context, left)) {
                Ok(sent) => drop(left.drain(..sent)),
                Err(error) => {
                    self.fail(&mut state, &error, false);
                    break;
                }
            }
        }
        state.left = Vec::new();
        state.finisher = None;
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(())
    }

    /// Who writes or reads next is told; who reads already is woken by the end of the connection.
    fn fail(&self, state: &mut State, error: &io::Error, unsent: bool) {
        // It may be at its end already.
        let _ = SockRef::from(state.socket.as_ref()).shutdown(Shutdown::Both);
        state.failure = Some(Failure { kind: error.kind(), unsent });
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Nobody has the connection any more. The turn sends what it keeps, but nobody waits for a peer that does not read.
    pub(super) fn give_up(&self) {
        if let Some(finisher) = self.state.lock().finisher.take() {
            finisher.abort();
        }
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        self.failure.map_or(Ok(()), |failure| Err(failure.kind.into()))
    }
}
