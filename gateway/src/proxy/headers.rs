//! Headers that belong to one hop, and those that tell the next hop about the ones before it.

use http::Version;
use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};

use super::origin::Origin;

/// Fields that describe this connection, not the message (RFC 9110 section 7.6.1, and the customary rest).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// What is said about hops before us besides what [`Origin`] reads; passed on from listed proxies only.
const CLAIMS: [HeaderName; 3] = [
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
];

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Set by the gateway of another region on an answer that no backend gave: the request was not processed.
pub(crate) const UNPROCESSED: HeaderName = HeaderName::from_static("spillway-unprocessed");

/// Takes away what belongs to the hop that the message came by, with what `Connection` names.
pub(crate) fn strip_hop(headers: &mut HeaderMap) {
    // Most messages have none: one look at all names takes less time than asking for each.
    if !headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The protocol that a request wants to change to: WebSocket or none. A tunnel is not looked into, so a protocol
/// that carries requests (h2c) would carry them past routes, headers and SLIs.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    let websocket = |protocol: &&HeaderValue| protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    if asks { headers.get(header::UPGRADE).filter(websocket).cloned() } else { None }
}

/// Keeps a wish to change the protocol over [`strip_hop`].
pub(crate) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// Whether the client reads trailers (RFC 9110 section 10.1.4).
pub(crate) fn wants_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("trailers"))
}

/// Says the same to the next hop: we pass trailers on. HTTP/1.1 names fields of one hop in `Connection`.
pub(crate) fn set_wants_trailers(headers: &mut HeaderMap, version: Version) {
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    if version == Version::HTTP_11 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Says what we know of earlier hops. Claims that are not believed are not in `origin`, and go.
pub(crate) fn set_forwarded(headers: &mut HeaderMap, origin: &Origin) {
    if !origin.trusted && headers.keys().any(|name| CLAIMS.contains(name)) {
        for name in &CLAIMS {
            headers.remove(name);
        }
    }
    let known = [
        (header::FORWARDED, origin.forwarded()),
        (X_FORWARDED_FOR, HeaderValue::from_str(&origin.chain).ok()),
        (X_FORWARDED_HOST, HeaderValue::from_str(&origin.authority).ok()),
        (X_FORWARDED_PROTO, Some(HeaderValue::from_static(origin.scheme.as_str()))),
    ];
    for (name, value) in known {
        match value {
            Some(value) => _ = headers.insert(name, value),
            None => _ = headers.remove(&name),
        }
    }
}

/// Adds us to `Via`.
pub(crate) fn add_via(headers: &mut HeaderMap, via: &HeaderValue) {
    match headers.entry(header::VIA) {
        Entry::Vacant(entry) => {
            entry.insert(via.clone());
        }
        Entry::Occupied(mut entry) => {
            entry.append(via.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use spillway_decide::redirects::Scheme;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn what_belongs_to_a_hop_stays_there() {
        let mut headers = headers(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABkAARAAAAA"),
            ("accept", "*/*"),
        ]);
        strip_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn upgrades_need_both_fields() {
        assert_eq!(upgrade(&headers(&[("upgrade", "websocket")])), None);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade")])), None);
        let both = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]);
        assert_eq!(upgrade(&both), Some(HeaderValue::from_static("WebSocket")));
    }

    #[test]
    fn nothing_that_carries_requests_is_tunnelled() {
        for protocol in ["h2c", "websocket, h2c", "h2c, websocket", "HTTP/2.0", "TLS/1.0"] {
            assert_eq!(
                upgrade(&headers(&[("connection", "upgrade"), ("upgrade", protocol)])),
                None,
                "{protocol}"
            );
        }
    }

    #[test]
    fn claims_of_clients_are_replaced() {
        let mut headers = headers(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example"),
            ("x-real-ip", "6.6.6.6"),
        ]);
        let origin = Origin {
            client: "192.0.2.1".parse().unwrap(),
            scheme: Scheme::Http,
            authority: "shop.example.com".into(),
            chain: "192.0.2.1".into(),
            trusted: false,
        };
        set_forwarded(&mut headers, &origin);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(headers["x-forwarded-host"], "shop.example.com");
        assert_eq!(headers["forwarded"], "for=192.0.2.1;host=\"shop.example.com\";proto=http");
        assert!(!headers.contains_key("x-real-ip"));
    }
}
