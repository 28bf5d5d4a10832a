//! Who asked for what, as the client saw it: the public scheme and authority, and the client's address.
//!
//! At the front door that is what the connection and the request say, or what a listed proxy says
//! (`X-Forwarded-*`, RFC 7239). On the spill listener it is what the forwarding gateway wrote in `Forwarded`.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use spillway_decide::redirects::Scheme;

use super::headers::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::bounds::Bounds;

/// Of a `Forwarded` element without the host, with the longest address.
const FORWARDED_LENGTH: usize = 80;

/// Of any address.
const ADDRESS_LENGTH: usize = 45;

/// The public side of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) client: IpAddr,
    /// The scheme that the client used.
    pub(crate) scheme: Scheme,
    /// Host and port as the client wrote them.
    pub(crate) authority: String,
    /// The client and the proxies behind it, as `X-Forwarded-For` lists them.
    pub(crate) chain: String,
    /// Whether a listed proxy or a gateway said so.
    pub(crate) trusted: bool,
}

/// A request that does not say what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoHost;

impl Origin {
    /// What the client asked at our own front door; `peer` is who is connected, by `scheme`.
    pub(crate) fn of_client<B>(
        request: &Request<B>,
        peer: IpAddr,
        scheme: Scheme,
        bounds: &Bounds,
    ) -> Result<Self, NoHost> {
        let peer = peer.to_canonical();
        let mut origin = Self {
            client: peer,
            scheme,
            authority: authority(request)?.to_owned(),
            chain: written(peer),
            trusted: bounds.trusts(peer),
        };
        if origin.trusted {
            origin.believe(request.headers(), bounds);
        }
        Ok(origin)
    }

    /// What a gateway of another region says that the client asked.
    pub(crate) fn of_peer<B>(request: &Request<B>, peer: IpAddr) -> Result<Self, NoHost> {
        let mut origin = Self::of_client(request, peer, Scheme::Http, &Bounds::default())?;
        if let Some(forwarded) = only(request.headers(), &FORWARDED) {
            origin.apply(forwarded);
        }
        origin.chain = only(request.headers(), &X_FORWARDED_FOR)
            .map_or_else(|| origin.client.to_string(), str::to_owned);
        origin.trusted = true;
        Ok(origin)
    }

    /// Takes what a listed proxy says. Where it speaks `X-Forwarded-*`, a `Forwarded` beside them may be the
    /// client's own.
    fn believe(&mut self, headers: &HeaderMap, bounds: &Bounds) {
        let chain = joined(headers, &X_FORWARDED_FOR);
        if chain.is_empty() {
            self.believe_forwarded(&joined(headers, &FORWARDED), bounds);
            return;
        }
        // From the nearest hop outwards, as long as who speaks is listed.
        for hop in chain.rsplit(',') {
            let Ok(client) = hop.trim().parse::<IpAddr>() else { break };
            self.client = client.to_canonical();
            if !bounds.trusts(self.client) {
                break;
            }
        }
        self.chain = format!("{chain}, {}", self.chain);
        self.set_proto(last(headers, &X_FORWARDED_PROTO).unwrap_or_default());
        self.set_authority(last(headers, &X_FORWARDED_HOST).unwrap_or_default());
    }

    fn believe_forwarded(&mut self, forwarded: &str, bounds: &Bounds) {
        for element in forwarded.rsplit(',').filter(|element| !element.trim().is_empty()) {
            self.apply(element);
            if self.chain != self.client.to_string() {
                self.chain = format!("{}, {}", self.client, self.chain);
            }
            if !bounds.trusts(self.client) {
                break;
            }
        }
    }

    /// Reads `for`, `host` and `proto` of one `Forwarded` element.
    fn apply(&mut self, element: &str) {
        for (name, value) in pairs(element) {
            match name.to_ascii_lowercase().as_str() {
                "for" => {
                    if let Ok(client) = node(&value).parse::<IpAddr>() {
                        self.client = client.to_canonical();
                    }
                }
                "host" => self.set_authority(&value),
                "proto" => self.set_proto(&value),
                _ => {}
            }
        }
    }

    fn set_authority(&mut self, host: &str) {
        if is_plain_host(host) {
            host.clone_into(&mut self.authority);
        }
    }

    fn set_proto(&mut self, proto: &str) {
        if proto.eq_ignore_ascii_case("https") {
            self.scheme = Scheme::Https;
        } else if proto.eq_ignore_ascii_case("http") {
            self.scheme = Scheme::Http;
        }
    }

    /// The `Forwarded` element that says all this.
    pub(crate) fn forwarded(&self) -> Option<HeaderValue> {
        let mut text = String::with_capacity(FORWARDED_LENGTH + self.authority.len());
        match self.client {
            // Then the client alone is in the chain, written already.
            IpAddr::V4(_) if !self.trusted => {
                text.push_str("for=");
                text.push_str(&self.chain);
            }
            IpAddr::V4(client) => write!(text, "for={client}").ok()?,
            IpAddr::V6(client) => write!(text, "for=\"[{client}]\"").ok()?,
        }
        // Piece by piece, not by one format: this is on every request's way.
        for piece in [";host=\"", &self.authority, "\";proto=", self.scheme.as_str()] {
            text.push_str(piece);
        }
        HeaderValue::try_from(text).ok()
    }
}

/// An address, in one allocation: `to_string` would make room piece by piece, and this is on every request's way.
fn written(address: IpAddr) -> String {
    let mut text = String::with_capacity(ADDRESS_LENGTH);
    // A string takes whatever is written to it.
    let _ = write!(text, "{address}");
    text
}

/// The one host that a request names: of its URI, or of its only `Host` field.
fn authority<B>(request: &Request<B>) -> Result<&str, NoHost> {
    let named = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => only(request.headers(), &HOST),
    };
    named.filter(|host| is_plain_host(host)).ok_or(NoHost)
}

fn is_plain_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(plain)
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// All values of a list field as one list (RFC 9110 section 5.2).
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.map(str::trim).filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What the nearest proxy added.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

/// The address of `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node(value: &str) -> &str {
    match value.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => value.split(':').next().unwrap_or(value),
    }
}

/// `name=value` and `name="value"` pairs; no value that means something to us holds `;`, `,` or escapes.
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

    fn of_client(headers: &[(&str, &str)]) -> Result<Origin, NoHost> {
        let bounds = Bounds { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Bounds::default() };
        Origin::of_client(&request(headers), "10.0.0.1".parse().unwrap(), Scheme::Http, &bounds)
    }

    #[test]
    fn forwarded_says_what_was_asked() {
        for (client, authority, scheme) in [
            ("192.0.2.1", "shop.example.com", Scheme::Http),
            ("2001:db8::1", "shop.example.com:8443", Scheme::Https),
            ("192.0.2.1", "[::1]:8080", Scheme::Http),
        ] {
            let client = client.parse().unwrap();
            let chain = format!("{client}, 10.0.0.9");
            let origin = Origin { client, scheme, authority: authority.into(), chain, trusted: true };
            let forwarded = origin.forwarded().unwrap();
            let request = request(&[
                ("host", "internal"),
                ("forwarded", forwarded.to_str().unwrap()),
                ("x-forwarded-for", &origin.chain),
            ]);
            assert_eq!(Origin::of_peer(&request, "10.0.0.1".parse().unwrap()), Ok(origin));
        }
    }

    #[test]
    fn clients_cannot_claim_to_be_somebody_else() {
        let claims = [
            ("host", "shop.example.com"),
            ("forwarded", "for=6.6.6.6;host=evil.example;proto=https"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
        ];
        let origin = Origin::of_client(
            &request(&claims),
            "192.0.2.1".parse().unwrap(),
            Scheme::Http,
            &Bounds::default(),
        )
        .unwrap();
        assert_eq!(origin.authority, "shop.example.com");
        assert_eq!((origin.client, origin.chain.as_str()), ("192.0.2.1".parse().unwrap(), "192.0.2.1"));
        assert_eq!(origin.scheme, Scheme::Http);
    }

    #[test]
    fn listed_proxies_are_believed_as_far_as_they_are_listed() {
        for (headers, client, authority, scheme, chain) in [
            (&[][..], "10.0.0.1", "h", Scheme::Http, "10.0.0.1"),
            (
                &[("x-forwarded-for", "6.6.6.6, 192.0.2.7"), ("x-forwarded-proto", "https")],
                "192.0.2.7",
                "h",
                Scheme::Https,
                "6.6.6.6, 192.0.2.7, 10.0.0.1",
            ),
            (
                &[("x-forwarded-for", "192.0.2.7, 10.0.0.2"), ("x-forwarded-host", "c.example:8443")],
                "192.0.2.7",
                "c.example:8443",
                Scheme::Http,
                "192.0.2.7, 10.0.0.2, 10.0.0.1",
            ),
            (
                &[(
                    "forwarded",
                    "for=6.6.6.6;host=evil.example, for=\"[2001:db8::7]:9\";host=c.example;proto=https",
                )],
                "2001:db8::7",
                "c.example",
                Scheme::Https,
                "2001:db8::7, 10.0.0.1",
            ),
            // A client's own Forwarded beside the X-Forwarded-For of the proxy.
            (
                &[("forwarded", "for=6.6.6.6;host=evil.example"), ("x-forwarded-for", "192.0.2.7")],
                "192.0.2.7",
                "h",
                Scheme::Http,
                "192.0.2.7, 10.0.0.1",
            ),
            (&[("x-forwarded-host", "e vil")], "10.0.0.1", "h", Scheme::Http, "10.0.0.1"),
        ] {
            let origin = of_client(&[&[("host", "h")], headers].concat()).unwrap();
            let told = (origin.client.to_string(), origin.authority, origin.scheme, origin.chain);
            assert_eq!(told, (client.into(), authority.into(), scheme, chain.into()), "{headers:?}");
        }
    }

    #[test]
    fn a_request_names_exactly_one_plain_host() {
        for headers in [&[][..], &[("host", "")], &[("host", "a"), ("host", "b")], &[("host", "a\" b")]] {
            assert_eq!(of_client(headers), Err(NoHost), "{headers:?}");
        }
    }
}
