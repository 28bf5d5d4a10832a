//! What is refused before anybody asks where it goes: requests that no backend of ours should have to judge.

use http::header::{EXPECT, HOST, VIA};
use http::{HeaderMap, Method, Request, StatusCode, Version};

use super::upgrade;
use crate::bounds::Bounds;
use crate::serve::guard::Refusal;

/// A backend may call another route of its own member, and that one yet another; more is a loop.
const MAX_PASSES: usize = 3;

const NO_METHOD: Refusal =
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "CONNECT and TRACE are not served by gateways");
const TWO_HOSTS: Refusal = Refusal::bad("the Host field and the request's authority differ");
const EXPECTATION: Refusal =
    Refusal::new(StatusCode::EXPECTATION_FAILED, "the only expectation that can be met is 100-continue");
const LOOP: Refusal = Refusal::new(
    StatusCode::LOOP_DETECTED,
    "this gateway has forwarded the request several times: a backend leads back to it",
);

/// Why a request is refused, if it is; `own` is our name in `Via`.
pub(super) fn refusal<B>(request: &Request<B>, bounds: &Bounds, own: &str) -> Option<Refusal> {
    let (headers, uri) = (request.headers(), request.uri());
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let checks = [
        (target > bounds.max_uri_bytes as usize, Refusal::URI_TOO_LONG),
        (
            [Method::CONNECT, Method::TRACE].contains(request.method()) && !upgrade::is_extended(request),
            NO_METHOD,
        ),
        (request.version() == Version::HTTP_2 && hosts_differ(request), TWO_HOSTS),
        (expects_too_much(headers), EXPECTATION),
        (passes(headers, own) >= MAX_PASSES, LOOP),
    ];
    checks.into_iter().find(|(refused, _)| *refused).map(|(_, refusal)| refusal)
}

/// RFC 9113 section 8.3.1. In HTTP/1.1 an absolute target takes precedence (RFC 9112 section 3.2.2).
fn hosts_differ<B>(request: &Request<B>) -> bool {
    let Some(authority) = request.uri().authority() else { return false };
    let same = |host: &http::HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes());
    !request.headers().get_all(HOST).iter().all(same)
}

fn expects_too_much(headers: &HeaderMap) -> bool {
    !headers.get_all(EXPECT).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// How often we are named in `Via` (RFC 9110 section 7.6.3): `1.1 name (comment), 2 name`.
fn passes(headers: &HeaderMap, own: &str) -> usize {
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).filter_map(|hop| hop.split_whitespace().nth(1));
    names.filter(|name| *name == own).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, uri: &str, version: Version, headers: &[(&str, &str)]) -> Option<StatusCode> {
        let mut request = Request::builder().method(method).uri(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bounds = Bounds { max_uri_bytes: 64, ..Bounds::default() };
        refusal(&request.body(()).unwrap(), &bounds, "first-1.spillway").map(|refusal| refusal.status)
    }

    #[test]
    fn only_what_can_be_served_is_let_in() {
        const ONE: Version = Version::HTTP_11;
        const TWO: Version = Version::HTTP_2;
        let long = format!("/{}", "a".repeat(64));
        let via = "1.1 first-1.spillway, 2 other (first-1.spillway), 1.1 first-1.spillway";
        for (method, uri, version, headers, status) in [
            ("GET", "/", ONE, &[("host", "a")][..], None),
            ("GET", &long, ONE, &[], Some(414)),
            ("TRACE", "/", ONE, &[], Some(405)),
            ("CONNECT", "a:443", ONE, &[], Some(405)),
            ("GET", "http://a/", ONE, &[("host", "b")], None),
            ("GET", "http://a/", TWO, &[("host", "b")], Some(400)),
            ("GET", "http://a/", TWO, &[("host", "A")], None),
            ("GET", "/", ONE, &[("expect", "100-Continue")], None),
            ("GET", "/", ONE, &[("expect", "a-miracle")], Some(417)),
            ("GET", "/", ONE, &[("via", via)], None),
            ("GET", "/", ONE, &[("via", via), ("via", "1.1 first-1.spillway")], Some(508)),
            ("GET", "/", ONE, &[("via", "1.1 a.spillway, 1.1 b.spillway, 1.1 c.spillway, 1.1 d")], None),
        ] {
            let status = status.map(|status| StatusCode::from_u16(status).unwrap());
            assert_eq!(asked(method, uri, version, headers), status, "{method} {uri} {headers:?}");
        }
    }
}
