//! Who asked for what, as the client saw it: the public scheme and authority, and the client's address.
//!
//! At the front door that is what the connection and the request say. On the spill listener, and only there,
//! it is what the forwarding gateway wrote in `Forwarded` (RFC 7239).

use std::net::IpAddr;

use http::header::{FORWARDED, HOST};
use http::{HeaderMap, HeaderValue, Request};
use spillway_decide::redirects::Scheme;

/// The public side of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) client: IpAddr,
    /// The scheme that the client used.
    pub(crate) scheme: Scheme,
    /// Host and port as the client wrote them.
    pub(crate) authority: String,
}

/// A request that does not say what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoHost;

impl Origin {
    /// What the client asked at our own front door.
    pub(crate) fn of_client<B>(request: &Request<B>, client: IpAddr) -> Result<Self, NoHost> {
        Ok(Self { client, scheme: Scheme::Http, authority: authority(request)?.to_owned() })
    }

    /// What a trusted gateway says that the client asked.
    pub(crate) fn of_peer<B>(request: &Request<B>, peer: IpAddr) -> Result<Self, NoHost> {
        let mut origin = Self::of_client(request, peer)?;
        if let Some(forwarded) = only(request.headers(), FORWARDED.as_str()) {
            origin.apply(forwarded);
        }
        Ok(origin)
    }

    /// Reads `for`, `host` and `proto` of one `Forwarded` element.
    fn apply(&mut self, forwarded: &str) {
        for (name, value) in pairs(forwarded) {
            match name.to_ascii_lowercase().as_str() {
                "for" => {
                    if let Ok(client) = value.trim_start_matches('[').trim_end_matches(']').parse() {
                        self.client = client;
                    }
                }
                "host" if !value.is_empty() => self.authority = value,
                "proto" if value.eq_ignore_ascii_case("https") => self.scheme = Scheme::Https,
                "proto" if value.eq_ignore_ascii_case("http") => self.scheme = Scheme::Http,
                _ => {}
            }
        }
    }

    /// The `Forwarded` element that says all this.
    pub(crate) fn forwarded(&self) -> Option<HeaderValue> {
        let client = match self.client {
            IpAddr::V4(client) => client.to_string(),
            IpAddr::V6(client) => format!("\"[{client}]\""),
        };
        let text = format!("for={client};host=\"{}\";proto={}", self.authority, self.scheme.as_str());
        HeaderValue::from_str(&text).ok()
    }
}

/// The one host that a request names: of its URI, or of its only `Host` field.
fn authority<B>(request: &Request<B>) -> Result<&str, NoHost> {
    let named = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => only(request.headers(), HOST.as_str()),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    named.filter(|host| !host.is_empty() && host.bytes().all(plain)).ok_or(NoHost)
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// `name=value` and `name="value"` pairs; our own values hold neither `;` nor escapes.
fn pairs(element: &str) -> impl Iterator<Item = (&str, String)> {
    element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"').to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::builder().uri("/a");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap()
    }

    #[test]
    fn forwarded_says_what_was_asked() {
        for (client, authority, scheme) in [
            ("192.0.2.1", "shop.example.com", Scheme::Http),
            ("2001:db8::1", "shop.example.com:8443", Scheme::Https),
            ("192.0.2.1", "[::1]:8080", Scheme::Http),
        ] {
            let origin = Origin { client: client.parse().unwrap(), scheme, authority: authority.into() };
            let forwarded = origin.forwarded().unwrap();
            let request = request(&[("host", "internal"), ("forwarded", forwarded.to_str().unwrap())]);
            assert_eq!(Origin::of_peer(&request, "10.0.0.1".parse().unwrap()), Ok(origin));
        }
    }

    #[test]
    fn clients_cannot_claim_to_be_somebody_else() {
        let claims =
            [("host", "shop.example.com"), ("forwarded", "for=6.6.6.6;host=evil.example;proto=https")];
        let origin = Origin::of_client(&request(&claims), "192.0.2.1".parse().unwrap()).unwrap();
        assert_eq!(origin.authority, "shop.example.com");
        assert_eq!(origin.client, "192.0.2.1".parse::<IpAddr>().unwrap());
        assert_eq!(origin.scheme, Scheme::Http);
    }

    #[test]
    fn a_request_names_exactly_one_plain_host() {
        for headers in [&[][..], &[("host", "")], &[("host", "a"), ("host", "b")], &[("host", "a\" b")]] {
            let origin = Origin::of_client(&request(headers), "192.0.2.1".parse().unwrap());
            assert_eq!(origin, Err(NoHost), "{headers:?}");
        }
    }
}
