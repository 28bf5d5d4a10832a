//! A TCP connection whose small writes wait for the end of the turn.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::Turn;
use super::sending::{Order, Sending};
use crate::coalesce::gather;

/// A larger write is not copied.
const SMALL: usize = 4 << 10;

/// A connection; without a turn, every write goes at once.
#[derive(Debug)]
pub(crate) struct Turned {
    read: OwnedReadHalf,
    sending: Arc<Sending>,
    turn: Option<Turn>,
}

impl Turned {
    pub(crate) fn new(stream: TcpStream, turn: Option<Turn>) -> Self {
        let (read, write) = stream.into_split();
        Self { read, sending: Arc::new(Sending::new(write)), turn }
    }

    /// The socket, to look at.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.read.as_ref()
    }

    /// Whether something that was written has not gone yet.
    pub(crate) fn owes(&self) -> bool {
        self.sending.owes()
    }

    /// After an error: whether the write that it is about did not go, not even a part of it.
    pub(crate) fn is_unsent(&self) -> bool {
        self.sending.is_unsent()
    }

    #[cfg(test)]
    pub(super) fn sending(&self) -> std::sync::Weak<Sending> {
        Arc::downgrade(&self.sending)
    }

    /// Writes to the socket once nothing is before it.
    fn poll_free<T>(
        &self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut OwnedWriteHalf>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let (Some(turn), Order::BehindTurn) = (&self.turn, self.sending.order()) {
            turn.send();
        }
        self.sending.poll_free(context, write)
    }
}

impl Drop for Turned {
    fn drop(&mut self) {
        self.sending.give_up();
    }
}

impl AsyncRead for Turned {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.sending.check()?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.read).poll_read(context, buffer))?;
        if buffer.filled().len() == before {
            // An end of our own making is an error.
            self.sending.check()?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Turned {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if let Some(turn) = self.turn.as_ref().filter(|_| length <= SMALL)
            && self.sending.put_off(length, || turn.keep(&self.sending, pieces, length))?
        {
            return Poll::Ready(Ok(length));
        }
        self.poll_free(context, |socket, context| match pieces {
            [piece] => socket.poll_write(context, piece),
            _ => match gather::<SMALL>(pieces) {
                Some(together) => socket.poll_write(context, &together),
                None => socket.poll_write_vectored(context, pieces),
            },
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What is kept goes soon enough.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_free(context, AsyncWrite::poll_shutdown)
    }
}
