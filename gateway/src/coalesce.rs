//! Small writes in one piece.
//!
//! hyper hands a head and a body over as pieces, for one `writev`. The kernel's way through `writev` costs more than a
//! copy of a few hundred bytes and a `send`; for larger bodies it is the other way round (docs/gateway-bench.md).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use arrayvec::ArrayVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is copied at most.
const SMALL: usize = 4 << 10;

/// A stream whose small pieces go out together.
#[derive(Debug)]
pub(crate) struct Coalesce<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for Coalesce<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesce<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.0);
        if let [piece] = pieces {
            return stream.poll_write(context, piece);
        }
        match gather::<SMALL>(pieces) {
            Some(together) => stream.poll_write(context, &together),
            None => stream.poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Copies the pieces, if they fit. Room that is not filled is not cleared either.
pub(crate) fn gather<const ROOM: usize>(pieces: &[IoSlice<'_>]) -> Option<ArrayVec<u8, ROOM>> {
    let mut together = ArrayVec::new();
    pieces.iter().try_for_each(|piece| together.try_extend_from_slice(piece)).ok()?;
    Some(together)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[test]
    fn what_fits_is_gathered_and_nothing_else() {
        let pieces = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")];
        assert_eq!(gather::<4>(&pieces).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(gather::<4>(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]), None);
    }

    #[tokio::test]
    async fn every_byte_goes_out_in_order_however_large_the_pieces() {
        for sizes in [[0, 1, 2], [10, 4000, 86], [10, 4000, 87], [5000, 1, 5000], [7, 0, 0]] {
            let pieces = [vec![b'a'; sizes[0]], vec![b'b'; sizes[1]], vec![b'c'; sizes[2]]];
            let whole = pieces.concat();
            let (near, mut far) = duplex(1000);
            let sent = tokio::spawn(async move {
                let mut stream = Coalesce(near);
                let mut left: std::collections::VecDeque<u8> = pieces.concat().into();
                while !left.is_empty() {
                    let (front, back) = left.as_slices();
                    let middle = front.len() / 2;
                    let slices = [&front[..middle], &front[middle..], back].map(IoSlice::new);
                    let count = stream.write_vectored(&slices).await.unwrap();
                    left.drain(..count);
                }
            });
            let mut got = vec![];
            far.read_to_end(&mut got).await.unwrap();
            sent.await.unwrap();
            assert_eq!(got, whole, "{sizes:?}");
        }
    }
}
