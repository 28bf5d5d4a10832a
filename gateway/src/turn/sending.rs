//! The half of a connection that sends. The turn holds it as long as it keeps something for it.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The turn keeps no more of one connection: whoever writes on then waits until the peer takes it.
const MOST_OF_ONE: usize = 16 << 10;
/// So long, and up to twice as long, a peer may take to read what is left when nobody has the connection any more.
pub(crate) const FAREWELL: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });

#[derive(Debug)]
pub(super) struct Sending {
    state: Mutex<State>,
    /// Whether it has a failure.
    failed: AtomicBool,
}

#[derive(Debug)]
struct State {
    socket: OwnedWriteHalf,
    /// How many bytes of it the turn keeps.
    kept: usize,
    /// What the socket had no room for when the turn ended. A task of its own sends it.
    left: Vec<u8>,
    /// Who waits until it is gone.
    waiting: Option<Waker>,
    /// Nobody has the connection any more.
    given_up: bool,
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
        let state =
            State { socket, kept: 0, left: Vec::new(), waiting: None, given_up: false, failure: None };
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

    /// Counts a parcel of `length` that `keep` puts into the turn, if it does and nothing is left that goes before.
    pub(super) fn put_off(&self, length: usize, keep: impl FnOnce() -> bool) -> io::Result<bool> {
        let mut state = self.state.lock();
        state.check()?;
        let kept = state.left.is_empty() && state.kept + length <= MOST_OF_ONE && keep();
        if kept {
            state.kept += length;
        }
        Ok(kept)
    }

    /// Whether something that was written has not gone yet.
    pub(super) fn owes(&self) -> bool {
        let state = self.state.lock();
        state.kept > 0 || !state.left.is_empty()
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
        state.kept -= parcel.len();
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
            // None when all ends anyway.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(Arc::clone(&self).finish());
            }
        }
    }

    /// Sends what is left, as long as somebody has the connection, and a while longer.
    async fn finish(self: Arc<Self>) {
        loop {
            let given_up = self.state.lock().given_up;
            let finished = timeout(FAREWELL, poll_fn(|context| self.poll_finish(context))).await;
            if finished.is_ok() || given_up {
                return;
            }
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

    /// Nobody has the connection any more. What is kept and what is left still goes, if the peer reads.
    pub(super) fn give_up(&self) {
        self.state.lock().given_up = true;
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        self.failure.map_or(Ok(()), |failure| Err(failure.kind.into()))
    }
}
