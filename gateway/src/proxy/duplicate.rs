//! A copy of a request without a body, or with one that was kept, for a second attempt that is hardly ever made.
//!
//! So it is cheap to make and dear to use: the fields stand one behind the other in one piece of memory, where a second
//! header map would take a count for each value, and all of them back, on every request's way.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use crate::body::{self, Body};

/// Enough for the fields of a browser.
const USUAL: usize = 1 << 10;

/// What is sent once more.
pub(super) struct Duplicate {
    method: Method,
    uri: Uri,
    version: Version,
    fields: Fields,
    body: Bytes,
}

impl Duplicate {
    /// With these bytes as its body.
    pub(super) fn with(request: &Request<Body>, body: Bytes) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            fields: Fields::of(request.headers()),
            body,
        }
    }

    pub(super) const fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn restore(self) -> Request<Body> {
        let body = if self.body.is_empty() { body::empty() } else { body::full(self.body) };
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.fields.restore();
        request
    }
}

/// For each field whether it is sensitive, the length of its name, the length of its value, name, value.
struct Fields(Vec<u8>);

impl Fields {
    fn of(headers: &HeaderMap) -> Self {
        let mut bytes = Vec::with_capacity(USUAL);
        for (name, value) in headers {
            bytes.push(value.is_sensitive().into());
            for part in [name.as_str().as_bytes(), value.as_bytes()] {
                bytes.extend_from_slice(&part.len().to_ne_bytes());
            }
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(value.as_bytes());
        }
        Self(bytes)
    }

    fn restore(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut rest = self.0.as_slice();
        while let Some((name, value)) = field(&mut rest) {
            headers.append(name, value);
        }
        headers
    }
}

/// The first of these fields; none at the end.
fn field(rest: &mut &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let sensitive = rest.split_off(..1)?;
    let mut length = || rest.split_off(..size_of::<usize>())?.try_into().ok().map(usize::from_ne_bytes);
    let (name, value) = (length()?, length()?);
    let name = HeaderName::from_bytes(rest.split_off(..name)?).ok()?;
    let mut value = HeaderValue::from_bytes(rest.split_off(..value)?).ok()?;
    value.set_sensitive(sensitive == [1]);
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_request_is_the_same() {
        let mut secret = HeaderValue::from_static("s3cret");
        secret.set_sensitive(true);
        let request = Request::builder()
            .method("OPTIONS")
            .uri("http://shop.example.com/a?b=c")
            .version(Version::HTTP_2)
            .header("cookie", "a=1")
            .header("x-empty", "")
            .header("authorization", secret)
            .header("x-bytes", HeaderValue::from_bytes(&[0xff, b' ', 0xfe]).unwrap())
            .header("cookie", "b=2")
            .body(body::empty())
            .unwrap();
        let restored = Duplicate::with(&request, Bytes::new()).restore();
        assert_eq!(restored.headers(), request.headers());
        assert!(restored.headers()["authorization"].is_sensitive());
        assert!(!restored.headers()["x-bytes"].is_sensitive());
        assert_eq!(
            (restored.method(), restored.uri(), restored.version()),
            (request.method(), request.uri(), request.version())
        );
    }
}
