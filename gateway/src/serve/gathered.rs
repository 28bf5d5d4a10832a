//! What HTTP/2 says to one client, in as few pieces as may be.
//!
//! h2 writes and flushes each frame of a body by itself, so that ten small answers on one connection would be ten
//! `send`s. Here they are put together, and go out when the connection has said all that it has to say in one poll.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A larger write is not copied.
const SMALL: usize = 4 << 10;
/// More is not kept back.
const MOST: usize = 32 << 10;

/// A stream whose small writes wait for [`Outbox::send_after`].
#[derive(Debug)]
pub(super) struct Gathered<S>(Arc<Mutex<Outgoing<S>>>);

/// The same stream, for who polls the connection. Both are of one task, so that nobody waits for the lock.
#[derive(Debug)]
pub(super) struct Outbox<S>(Arc<Mutex<Outgoing<S>>>);

#[derive(Debug)]
struct Outgoing<S> {
    stream: S,
    waiting: Vec<u8>,
    /// How much of it has gone.
    gone: usize,
    /// The stream has some of it, and may keep that back itself: TLS does.
    unflushed: bool,
    /// Why it does not go; who reads or writes next is told.
    error: Option<io::Error>,
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> (Self, Outbox<S>) {
        let outgoing = Outgoing { stream, waiting: Vec::new(), gone: 0, unflushed: false, error: None };
        let shared = Arc::new(Mutex::new(outgoing));
        (Self(Arc::clone(&shared)), Outbox(shared))
    }
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    /// Sends, whenever `connection` has been polled, what it wrote.
    pub(super) async fn send_after<C: Future>(self, mut connection: Pin<&mut C>) -> C::Output {
        poll_fn(|context| {
            let polled = connection.as_mut().poll(context);
            if polled.is_pending() {
                self.0.lock().send(context);
            }
            polled
        })
        .await
    }
}

impl<S: AsyncWrite + Unpin> Outgoing<S> {
    fn send(&mut self, context: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = self.poll_send(context) {
            self.error = Some(error);
            context.waker().wake_by_ref();
        }
    }

    /// Nothing of what has gone stays in memory: most connections are silent most of the time.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.gone < self.waiting.len() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.waiting[self.gone..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.gone, self.unflushed) = (self.gone + sent, true);
        }
        (self.waiting, self.gone) = (Vec::new(), 0);
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Copies all pieces, if there is room.
    fn take(&mut self, pieces: &[IoSlice<'_>]) -> Option<usize> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > SMALL || self.waiting.len() + length > MOST {
            return None;
        }
        if self.waiting.capacity() == 0 {
            self.waiting.reserve(2 * SMALL);
        }
        for piece in pieces {
            self.waiting.extend_from_slice(piece);
        }
        Some(length)
    }

    fn check(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut outgoing = self.0.lock();
        outgoing.check()?;
        Pin::new(&mut outgoing.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut outgoing = self.0.lock();
        outgoing.check()?;
        if let Some(taken) = outgoing.take(pieces) {
            return Poll::Ready(Ok(taken));
        }
        ready!(outgoing.poll_send(context))?;
        Pin::new(&mut outgoing.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().stream.is_write_vectored()
    }

    /// What waits goes soon enough.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outgoing = self.0.lock();
        if outgoing.waiting.is_empty() {
            return Pin::new(&mut outgoing.stream).poll_flush(context);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outgoing = self.0.lock();
        ready!(outgoing.poll_send(context))?;
        Pin::new(&mut outgoing.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Keeps how long each write to it was; nothing ever comes from it.
    #[derive(Debug, Default)]
    struct Writes {
        done: Vec<usize>,
        /// It takes so much more.
        room: usize,
        broken: bool,
    }

    impl AsyncRead for Writes {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Writes {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.room);
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if count == 0 {
                return Poll::Pending;
            }
            self.room -= count;
            self.done.push(count);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A connection that is polled by hand.
    struct Polled {
        stream: Gathered<Writes>,
        outbox: Outbox<Writes>,
    }

    impl Polled {
        fn with_room(room: usize) -> Self {
            let (stream, outbox) = Gathered::new(Writes { room, ..Writes::default() });
            Self { stream, outbox }
        }

        fn on<T>(&mut self, poll: impl FnOnce(Pin<&mut Gathered<Writes>>, &mut Context<'_>) -> T) -> T {
            poll(Pin::new(&mut self.stream), &mut Context::from_waker(Waker::noop()))
        }

        fn frame(&mut self, length: usize) -> Poll<usize> {
            let bytes = vec![0; length];
            let written = self.on(|stream, context| stream.poll_write(context, &bytes));
            assert!(self.on(Gathered::poll_flush).map(Result::unwrap).is_ready());
            written.map(Result::unwrap)
        }

        fn send(&self) {
            self.outbox.0.lock().send(&mut Context::from_waker(Waker::noop()));
        }

        fn room(&self, room: usize) {
            self.outbox.0.lock().stream.room = room;
        }

        fn done(&self) -> Vec<usize> {
            self.outbox.0.lock().stream.done.clone()
        }
    }

    #[test]
    fn small_frames_go_together() {
        let mut polled = Polled::with_room(usize::MAX);
        for _ in 0..10 {
            assert_eq!(polled.frame(1033), Poll::Ready(1033));
        }
        assert!(polled.done().is_empty());
        polled.send();
        assert_eq!(polled.done(), [10_330]);
        assert!(polled.frame(1).is_ready());
        polled.send();
        polled.send();
        assert_eq!(polled.done(), [10_330, 1]);
    }

    #[test]
    fn a_large_frame_goes_at_once_behind_what_waits() {
        let mut polled = Polled::with_room(usize::MAX);
        assert!(polled.frame(100).is_ready());
        assert_eq!(polled.frame(SMALL + 1), Poll::Ready(SMALL + 1));
        assert_eq!(polled.done(), [100, SMALL + 1]);
        for _ in 0..=MOST / SMALL {
            assert!(polled.frame(SMALL).is_ready());
        }
        assert_eq!(polled.done()[2..], [MOST, SMALL], "no more than that is kept back");
    }

    #[test]
    fn what_finds_no_room_waits_in_order() {
        let mut polled = Polled::with_room(150);
        assert!(polled.frame(100).is_ready());
        assert!(polled.frame(100).is_ready());
        polled.send();
        assert_eq!(polled.done(), [150]);
        assert_eq!(polled.frame(SMALL + 1), Poll::Pending);
        polled.room(usize::MAX);
        assert_eq!(polled.frame(SMALL + 1), Poll::Ready(SMALL + 1));
        assert_eq!(polled.done(), [150, 50, SMALL + 1]);
    }

    #[test]
    fn the_end_takes_what_waits_along() {
        let mut polled = Polled::with_room(usize::MAX);
        assert!(polled.frame(100).is_ready());
        assert!(polled.on(Gathered::poll_shutdown).map(Result::unwrap).is_ready());
        assert_eq!(polled.done(), [100]);
    }

    #[test]
    fn who_reads_next_is_told_that_nothing_goes() {
        let mut polled = Polled::with_room(usize::MAX);
        assert!(polled.frame(100).is_ready());
        polled.outbox.0.lock().stream.broken = true;
        polled.send();
        let read = polled.on(|stream, context| stream.poll_read(context, &mut ReadBuf::new(&mut [0; 8])));
        assert!(matches!(read, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe));
    }

    #[tokio::test]
    async fn what_a_connection_writes_goes_when_it_waits() {
        let (mut stream, outbox) = Gathered::new(Writes { room: usize::MAX, ..Writes::default() });
        let writes = Arc::clone(&outbox.0);
        let mut polls = 0;
        let connection = poll_fn(|context| {
            polls += 1;
            for _ in 0..3 {
                assert!(Pin::new(&mut stream).poll_write(context, b"frame").is_ready());
            }
            context.waker().wake_by_ref();
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        outbox.send_after(std::pin::pin!(connection)).await;
        assert_eq!(writes.lock().stream.done, [15, 15]);
    }
}
