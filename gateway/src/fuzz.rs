//! What must hold for any bytes that strangers, peers and people may send us: the entries of the fuzz targets in
//! `fuzz/`, which are there when cargo-fuzz builds this crate. What they once found is kept below as tests.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a fuzz target has no other way to say that something is wrong"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request as DnsRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use k8s_openapi::api::networking::v1::Ingress;
use serde_json::json;
use spillway_decide::redirects::Scheme;

use crate::bounds::Bounds;
use crate::config::{self, Config, Objects};
use crate::dns::Dns;
use crate::file;
use crate::metrics::Metrics;
use crate::proxy::{self, Origin};
use crate::serve;
use crate::traffic::Traffic;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// HTTP/1.1 means the same wherever the network cuts it.
pub fn framing(bytes: &[u8]) {
    serve::guard::fuzz::cut_anywhere(bytes);
}

/// An answer of a backend is the same one wherever the network cuts it.
pub fn answers(bytes: &[u8]) {
    proxy::cut_anywhere(bytes);
}

/// A PROXY header is never longer than what was seen, and more bytes do not change one that is whole.
pub fn proxy_header(bytes: &[u8]) {
    serve::proxy_header::fuzz::stays(bytes);
}

/// A file is refused with at least one fault, or compiles.
pub fn file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match file::check::parse(text) {
        Ok(file) => assert!(file.identity.is_some() || file::build::build(&file, Path::new(".")).is_ok()),
        Err(faults) => assert!(!faults.is_empty()),
    }
}

/// Whatever listed proxies say, what we say of it to the next hop is a field that it reads the same.
pub fn forwarded(bytes: &[u8]) {
    let bounds = Bounds {
        trusted_proxies: vec!["0.0.0.0/0".parse().unwrap_or_else(|_| panic!())],
        ..Bounds::default()
    };
    let names = ["host", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    let mut headers = HeaderMap::new();
    for (name, value) in names.into_iter().zip(bytes.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    let Ok(origin) = Origin::of_client(&request, PEER, Scheme::Http, &bounds) else { return };
    let Some(forwarded) = origin.forwarded() else { panic!("{origin:?} cannot be told") };
    let mut told = Request::new(());
    told.headers_mut().insert(http::header::HOST, HeaderValue::from_static("internal"));
    told.headers_mut().insert(http::header::FORWARDED, forwarded);
    match Origin::of_peer(&told, PEER) {
        Ok(heard) => assert_eq!(
            (heard.client, heard.scheme, heard.authority),
            (origin.client, origin.scheme, origin.authority)
        ),
        Err(error) => panic!("{error:?} of {told:?}"),
    }
}

/// Any datagram gets an answer or none.
pub fn dns(bytes: &[u8]) {
    let peer = SocketAddr::new(PEER, 53);
    let Ok(request) = DnsRequest::from_bytes(bytes.to_vec(), peer, Protocol::Udp) else { return };
    let (_, receiver) = config::channel(annotated(&[]).0);
    Dns::new(receiver.clone(), Traffic::new(receiver), Metrics::new()).answers(&request);
}

/// Annotations that nobody understands cost no route.
pub fn annotations(bytes: &[u8]) {
    let values: Vec<_> = bytes.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).collect();
    let (config, _) = annotated(&values);
    assert_eq!(config.routes.routes().len(), 1);
}

/// An Ingress with these values of annotations.
fn annotated(values: &[std::borrow::Cow<'_, str>]) -> (Config, usize) {
    let names = [
        "redirect-aliases",
        "probe-path",
        "probe-host",
        "spill",
        "max-body-bytes",
        "rewrite-links",
        "priority",
    ];
    let annotations: serde_json::Map<_, _> = names
        .iter()
        .zip(values)
        .map(|(name, value)| (format!("kube-federation.io/{name}"), json!(value)))
        .collect();
    let ingress = json!({
        "metadata": {"namespace": "web", "name": "shop", "annotations": annotations},
        "spec": {"ingressClassName": "spillway", "rules": [{"host": "shop.example.com", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "shop", "port": {"number": 80}}}},
        ]}}]},
    });
    let ingress: Ingress = serde_json::from_value(ingress).unwrap_or_default();
    let objects = Objects { ingresses: vec![Arc::new(ingress)], ..Objects::default() };
    let (config, rejections) = config::build(&objects, &Config::empty("here", "here-1"));
    (config, rejections.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds and findings, each through its own target.
    #[test]
    fn what_was_found_once_stays_mended() {
        for (target, inputs) in [
            (framing as fn(&[u8]), &[
                &b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n"[..],
                b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nx: y\r\n\r\nG",
                b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\rx\n",
                b"\r\n\r\nGET /\x01 HTTP/1.1\r\n\r\n",
            ][..]),
            (answers, &[
                b"\0HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcd",
                b"\x02HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n",
                b"\x06HTTP/1.0 200\na: b\n\nto the end",
                b"\0HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n",
                b"\0SSH-2.0-x\r\n",
            ]),
            (proxy_header, &[
                b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /",
                b"PROXY UNKNOWN\r\n",
                b"PROXY TCP4 192.0.2.1\n",
                b"PROXY UNKNOWN UNK \n",
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\0\x01\0\x02GET",
                b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
            ]),
            (file, &[
                b"",
                b"routes: [{name: a, backend: b}]\nbackends: {b: {endpoints: ['127.0.0.1:1']}}",
                b"routes: *x",
                b"region: \"\\u0000\"\nlisten: {http: 80}",
                b"observability: {tracePercent: '101', otlpEndpoint: https://a}",
            ]),
            (forwarded, &[
                b"shop.example.com\nfor=\"[2001:db8::1]:1\";host=\"a:1\";proto=https",
                b"a\nfor=1.2.3.4, for=;host=;;proto",
                b"a\n\n::ffff:1.2.3.4, x\nb, c:1\nHTTPS",
            ]),
            (dns, &[b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x04shop\x07example\x03com\0\0\x01\0\x01", b"\0"]),
            (annotations, &[
                b"http://a:80/, [::1]:99999\n//\n\nSometimes\n-1\nyes\np",
                b",,\n/a b\n*\nAll\n18446744073709551616\ntrue",
            ]),
        ] {
            for input in inputs {
                target(input);
            }
        }
    }
}
