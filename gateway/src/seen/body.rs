//! The body of a response on its way out, which ends the [`Record`].

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use super::Record;
use crate::body::{Body, BodyError};

/// A body that tells the record what passes.
pub(super) fn watched(body: Body, mut record: Record) -> Body {
    if body.is_end_stream() {
        record.is_whole();
    }
    Watched { body, record }.boxed_unsync()
}

struct Watched {
    body: Body,
    record: Record,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.record.is_whole(),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.record.sent(length);
                if self.body.is_end_stream() {
                    self.record.is_whole();
                }
            }
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
