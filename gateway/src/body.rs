//! One body type for everything that crosses the gateway, so that proxying, spilling and answering compose.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A streamed body, of a request or a response.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body with nothing in it.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Wraps what hyper received.
#[must_use]
pub fn incoming(body: hyper::body::Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}
