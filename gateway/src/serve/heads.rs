//! A clock for the frames of HTTP/2 clients: header fields that have begun must be whole in time.
//!
//! The parser waits for a header block, or for the rest of a frame, as long as the connection lives, and pings
//! find only clients that vanished. Frames of DATA are not timed: the body's own clock runs for those.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::PREFACE;

/// RFC 9113 section 4.1: length, type, flags, stream.
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// A stream that breaks off when its client takes too long over a head.
pub(super) struct Timed<S> {
    stream: S,
    frames: Frames,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self { stream, frames: Frames::default(), timeout, timer: None }
    }
}

/// Where in its frames a client is.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; FRAME_HEAD],
    /// Bytes of the frame's head that have come.
    have: usize,
    /// Bytes of its payload that have not.
    left: usize,
    /// Bytes of the preface that have come.
    preface: usize,
    /// It does not speak HTTP/2, whatever was agreed on: no other parser may get to see this.
    stranger: bool,
    is_data: bool,
    /// A header block has begun and goes on in the next frame.
    block: bool,
    /// Things that became whole.
    done: u64,
}

impl Frames {
    /// Whether the client owes the rest of something.
    const fn owes(&self) -> bool {
        self.preface < PREFACE.len() || self.have > 0 || self.block || (self.left > 0 && !self.is_data)
    }

    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.preface < PREFACE.len() {
                self.stranger |= bytes.first() != PREFACE.get(self.preface);
                self.preface += 1;
                bytes = &bytes[1..];
            } else if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
            } else {
                let missing = (FRAME_HEAD - self.have).min(bytes.len());
                self.head[self.have..self.have + missing].copy_from_slice(&bytes[..missing]);
                self.have += missing;
                bytes = &bytes[missing..];
                if self.have == FRAME_HEAD {
                    self.begin();
                }
            }
            if !self.owes() {
                self.done += 1;
            }
        }
    }

    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.have = 0;
        self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
        self.is_data = kind == DATA;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.block = flags & END_HEADERS == 0;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer)?;
        let done = this.frames.done;
        this.frames.advance(&buffer.filled()[before..]);
        if this.frames.stranger {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if this.frames.done != done {
            this.timer = None;
        }
        if read.is_pending() && this.frames.owes() {
            let timeout = this.timeout;
            let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
            ready!(timer.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read.map(Ok)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;

    fn frame(length: u8, kind: u8, flags: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        bytes.resize(bytes.len() + usize::from(length), 7);
        bytes
    }

    /// Whatever the pieces in which they come.
    #[test]
    fn a_client_owes_the_rest_of_what_it_began_but_not_of_data() {
        let data = frame(5, DATA, 0);
        for (bytes, owes) in [
            (vec![], true),
            (PREFACE[..20].to_vec(), true),
            (PREFACE.to_vec(), false),
            ([PREFACE, &frame(3, SETTINGS, 0)[..]].concat(), false),
            ([PREFACE, &frame(3, SETTINGS, 0)[..11]].concat(), true),
            ([PREFACE, &frame(4, HEADERS, END_HEADERS)[..]].concat(), false),
            ([PREFACE, &frame(4, HEADERS, END_HEADERS)[..10]].concat(), true),
            ([PREFACE, &frame(4, HEADERS, 0)[..]].concat(), true),
            ([PREFACE, &frame(4, HEADERS, 0)[..], &frame(0, CONTINUATION, 0)].concat(), true),
            ([PREFACE, &frame(4, HEADERS, 0)[..], &frame(2, CONTINUATION, END_HEADERS)].concat(), false),
            ([PREFACE, &data[..8]].concat(), true),
            ([PREFACE, &data[..10]].concat(), false),
            ([PREFACE, &data[..], &data].concat(), false),
        ] {
            for size in [1, 2, 7, 1000] {
                let mut frames = Frames::default();
                bytes.chunks(size).for_each(|piece| frames.advance(piece));
                assert!(!frames.stranger);
                assert_eq!(frames.owes(), owes, "{bytes:?} in pieces of {size}");
            }
        }
    }
}
