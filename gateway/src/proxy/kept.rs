//! What is kept of a request so that it can be sent once more: all of it, if its body is small or absent.

use bytes::Bytes;
use http::Request;
use http_body::Body as HttpBody;
use http_body_util::BodyExt;

use super::duplicate::Duplicate;
use crate::body::{self, Body, BodyError};

/// A larger body is not kept.
const SMALL: u64 = 64 * 1024;

/// The body to send with a copy; none: no copy can be made.
pub(super) struct Kept(Option<Bytes>);

impl Kept {
    /// Nothing.
    pub(super) const NOTHING: Self = Self(None);

    /// All of a body that is empty.
    pub(super) const NO_BODY: Self = Self(Some(Bytes::new()));

    /// Reads a small body whole, so that it is there a second time. `wait` says that this is worth waiting for.
    pub(super) async fn of(request: Request<Body>, wait: bool) -> Result<(Request<Body>, Self), BodyError> {
        if request.body().is_end_stream() {
            return Ok((request, Self::NO_BODY));
        }
        if !wait || request.body().size_hint().exact().is_none_or(|size| size > SMALL) {
            return Ok((request, Self::NOTHING));
        }
        let (parts, body) = request.into_parts();
        let body = body.collect().await?;
        if body.trailers().is_some() {
            let body = body.map_err(|never| match never {}).boxed_unsync();
            return Ok((Request::from_parts(parts, body), Self::NOTHING));
        }
        let bytes = body.to_bytes();
        Ok((Request::from_parts(parts, body::full(bytes.clone())), Self(Some(bytes))))
    }

    /// A copy of the request, before it is sent.
    pub(super) fn copy(&self, request: &Request<Body>) -> Option<Duplicate> {
        self.0.as_ref().map(|body| Duplicate::with(request, body.clone()))
    }
}
