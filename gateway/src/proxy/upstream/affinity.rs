//! Affinity by cookie: a client that shows the cookie is served by the endpoint that set it, as long as that is
//! ready and not ejected. The cookie says nothing but which endpoint; who invents one is balanced as everybody.

use std::fmt::Write;
use std::net::SocketAddr;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use spillway_decide::redirects::Scheme;

/// What the cookie says of an endpoint: every gateway of the region says the same, and another backend's cookie
/// of the same name means nothing here.
pub(super) fn token(backend: &str, address: SocketAddr) -> String {
    let digest = Sha256::digest(format!("{backend} {address}"));
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The values of the cookie of that name, in the order in which they were sent.
pub(crate) fn shown<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(';')).filter_map(move |pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

/// Sets the cookie: for this session, for the whole host, not for scripts, and not from other sites.
pub(crate) fn set(headers: &mut HeaderMap, name: &str, token: &str, scheme: Scheme) {
    let secure = if scheme == Scheme::Https { "; Secure" } else { "" };
    let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        for field in ["a=1; at=x", "b=2;at=y; att=z", "at"] {
            headers.append(COOKIE, HeaderValue::from_static(field));
        }
        assert_eq!(shown(&headers, "at").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(shown(&headers, "c").count(), 0);
    }

    #[test]
    fn a_token_is_of_one_endpoint_of_one_backend() {
        let address = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let own = token("web/shop:80", address(1));
        assert_eq!(own.len(), 16);
        assert_eq!(own, token("web/shop:80", address(1)), "the same at every gateway");
        assert_ne!(own, token("web/shop:80", address(2)));
        assert_ne!(own, token("web/cart:80", address(1)));
    }
}
