//! The body of an answer, read by whoever wants it, and the connection back when it is at its end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::chunks::{Chunks, Piece};
use super::head::Framing;
use super::{Garbage, READ, Wire};
use crate::body::BodyError;

/// What is left of a body.
#[derive(Debug)]
pub(super) enum Rest {
    Length(u64),
    Chunked(Chunks),
    Close,
    Over,
}

/// A body on its way in.
#[derive(Debug)]
pub(crate) struct WireBody {
    wire: Wire,
    rest: Rest,
    keep_alive: bool,
}

impl WireBody {
    pub(super) const fn new(wire: Wire, rest: Rest, keep_alive: bool) -> Self {
        Self { wire, rest, keep_alive }
    }

    /// The rest of it, where all of that has come with the head.
    pub(crate) fn take_all(&mut self) -> Option<Bytes> {
        let Rest::Length(left) = self.rest else { return None };
        let left = usize::try_from(left).ok().filter(|left| *left <= self.wire.inbound.len())?;
        self.rest = Rest::Over;
        Some(self.wire.inbound.split_to(left).freeze())
    }

    /// The connection, if the body is at its end and another request may follow. What came unasked is nobody's answer.
    pub(crate) fn into_wire(mut self) -> Option<Wire> {
        let reusable = self.keep_alive && self.is_end_stream() && self.wire.inbound.is_empty();
        if self.wire.inbound.capacity() > READ {
            self.wire.inbound = BytesMut::new();
        }
        reusable.then_some(self.wire)
    }

    pub(crate) const fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::Over)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.rest {
            Rest::Length(left) => SizeHint::with_exact(left),
            Rest::Over => SizeHint::with_exact(0),
            Rest::Chunked(_) | Rest::Close => SizeHint::new(),
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.rest.next(&mut self.wire.inbound) {
                Ok(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Piece::End(trailers)) => {
                    self.rest = Rest::Over;
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Ok(Piece::Missing) => {}
                Err(Garbage(reason)) => return Poll::Ready(Some(Err(reason.into()))),
            }
            match ready!(Pin::new(&mut self.wire).poll_more(context)) {
                Ok(0) if matches!(self.rest, Rest::Close) => self.rest = Rest::Over,
                Ok(0) => return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }
}

impl Rest {
    pub(super) fn of(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Over,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::Close => Self::Close,
        }
    }

    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Piece, Garbage> {
        match self {
            Self::Over => Ok(Piece::End(None)),
            Self::Chunked(chunks) => chunks.next(buffer),
            _ if buffer.is_empty() => Ok(Piece::Missing),
            Self::Close => Ok(Piece::Data(buffer.split().freeze())),
            Self::Length(left) => {
                let count = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                *left -= count as u64;
                if *left == 0 {
                    *self = Self::Over;
                }
                Ok(Piece::Data(buffer.split_to(count).freeze()))
            }
        }
    }
}
