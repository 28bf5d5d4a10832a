//! Why a request is not served.

use http::StatusCode;

/// A status and the sentence that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: &'static str,
}

impl Refusal {
    pub(crate) const URI_TOO_LONG: Self =
        Self::new(StatusCode::URI_TOO_LONG, "the request's target is longer than is allowed here");
    pub(crate) const HEAD_TOO_LARGE: Self = Self::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "the request's header fields are larger than is allowed here",
    );
    pub(crate) const HEAD_TOO_SLOW: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, "the request's header fields did not end in time");
    pub(crate) const BODY_TOO_SLOW: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not go on in time");
    pub(crate) const BODY_TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is larger than is allowed here");
    pub(crate) const BODY_BROKE: Self = Self::bad("the request's body broke off");

    /// The request is not well-formed.
    pub(crate) const fn bad(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) const fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message }
    }
}
