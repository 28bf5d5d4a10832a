//! Requests that two parsers could take apart differently: what the gateway answers, and what its backend sees.

use crate::support::recorder::Recorder;
use crate::support::tls::Issuer;
use crate::support::wire::Wire;
use crate::support::{HOST, World, one_route};

/// A request that must never arrive: it hides in bodies and behind ends that are none.
const HIDDEN: &str = "GET /api/hidden HTTP/1.1\r\nHost: portal.gov-prod.cn\r\n\r\n";

/// Name, bytes, the statuses answered. `{H}` is a good Host field, `{P}` the beginning of a POST with one.
const REFUSED: &[(&str, &str, u16)] = &[
    // Transfer-Encoding and Content-Length (RFC 9112 section 6.1).
    ("TE and CL", "{P}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    ("CL and TE", "{P}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE twice", "{P}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (
        "TE twice, one unknown",
        "{P}Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("TE xchunked", "{P}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("TE chunked not last", "{P}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ("TE identity", "{P}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    ("TE empty", "{P}Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    ("TE quoted", "{P}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400),
    ("TE with a vertical tab", "{P}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("TE with a parameter", "{P}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", 400),
    ("TE gzip", "{P}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("TE listed with nothing", "{P}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 501),
    ("TE in HTTP/1.0", "POST /api/x HTTP/1.0\r\n{H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("space before the colon of TE", "{P}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("tab before the colon of TE", "{P}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE on the next line", "{P}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE behind a bare LF", "{P}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE behind a bare CR", "{P}X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE with an underscore and CL", "{P}Content-Length: 3\r\nContent-Length : 0\r\n\r\nabc", 400),
    // Content-Length.
    ("two lengths", "{P}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
    ("the same length twice", "{P}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("a list of lengths", "{P}Content-Length: 4, 4\r\n\r\nabcd", 400),
    ("a length with a sign", "{P}Content-Length: +4\r\n\r\nabcd", 400),
    ("a negative length", "{P}Content-Length: -4\r\n\r\nabcd", 400),
    ("a hexadecimal length", "{P}Content-Length: 0x4\r\n\r\nabcd", 400),
    ("a length with a space inside", "{P}Content-Length: 4 4\r\n\r\nabcd", 400),
    ("no length", "{P}Content-Length:\r\n\r\nabcd", 400),
    ("a length that does not fit", "{P}Content-Length: 18446744073709551616\r\n\r\nabcd", 400),
    ("a length with a fraction", "{P}Content-Length: 4.0\r\n\r\nabcd", 400),
    // Lines.
    ("bare LF everywhere", "GET /api/x HTTP/1.1\nHost: portal.gov-prod.cn\n\n", 400),
    ("bare LF behind the request line", "GET /api/x HTTP/1.1\n{H}\r\n", 400),
    ("bare LF as the empty line", "GET /api/x HTTP/1.1\r\n{H}\n", 400),
    ("bare CR in a value", "GET /api/x HTTP/1.1\r\n{H}X: a\rb\r\n\r\n", 400),
    ("bare CR in the request line", "GET /api/x\rHTTP/1.1\r\n{H}\r\n", 400),
    ("CR CR LF", "GET /api/x HTTP/1.1\r\n{H}X: a\r\r\n\r\n", 400),
    ("obs-fold", "GET /api/x HTTP/1.1\r\n{H}X: a\r\n b\r\n\r\n", 400),
    ("obs-fold with a tab", "GET /api/x HTTP/1.1\r\n{H}X: a\r\n\tb\r\n\r\n", 400),
    ("space before the first field", "GET /api/x HTTP/1.1\r\n {H}\r\n", 400),
    ("a field without a colon", "GET /api/x HTTP/1.1\r\n{H}X\r\n\r\n", 400),
    ("a field without a name", "GET /api/x HTTP/1.1\r\n{H}: a\r\n\r\n", 400),
    ("a field's name with a space", "GET /api/x HTTP/1.1\r\n{H}X Y: a\r\n\r\n", 400),
    ("a field's name with a NUL", "GET /api/x HTTP/1.1\r\n{H}X\0: a\r\n\r\n", 400),
    ("a value with a NUL", "GET /api/x HTTP/1.1\r\n{H}X: a\0b\r\n\r\n", 400),
    ("a value with an escape", "GET /api/x HTTP/1.1\r\n{H}X: a\x1bb\r\n\r\n", 400),
    // Hosts.
    ("two hosts", "GET /api/x HTTP/1.1\r\n{H}Host: other.example\r\n\r\n", 400),
    ("the same host twice", "GET /api/x HTTP/1.1\r\n{H}{H}\r\n", 400),
    ("no host", "GET /api/x HTTP/1.1\r\n\r\n", 400),
    ("an empty host", "GET /api/x HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("a host with userinfo", "GET /api/x HTTP/1.1\r\nHost: a@portal.gov-prod.cn\r\n\r\n", 400),
    ("a host with a path", "GET /api/x HTTP/1.1\r\nHost: portal.gov-prod.cn/x\r\n\r\n", 400),
    ("a list of hosts", "GET /api/x HTTP/1.1\r\nHost: portal.gov-prod.cn, b\r\n\r\n", 400),
    // Request lines.
    ("two spaces", "GET  /api/x HTTP/1.1\r\n{H}\r\n", 400),
    ("a tab", "GET\t/api/x\tHTTP/1.1\r\n{H}\r\n", 400),
    ("a space behind the version", "GET /api/x HTTP/1.1 \r\n{H}\r\n", 400),
    ("a space before the method", " GET /api/x HTTP/1.1\r\n{H}\r\n", 400),
    ("no version", "GET /api/x\r\n{H}\r\n", 400),
    ("a target with a space", "GET /api/x y HTTP/1.1\r\n{H}\r\n", 400),
    ("a target with a NUL", "GET /api/\0x HTTP/1.1\r\n{H}\r\n", 400),
    ("a target with a fragment", "GET /api/x#y HTTP/1.1\r\n{H}\r\n", 400),
    ("a target that is no ASCII", "GET /api/\u{e9} HTTP/1.1\r\n{H}\r\n", 400),
    ("a method that is no token", "G@T /api/x HTTP/1.1\r\n{H}\r\n", 400),
    ("HTTP/2.0 in words", "GET /api/x HTTP/2.0\r\n{H}\r\n", 505),
    ("HTTP/1.2", "GET /api/x HTTP/1.2\r\n{H}\r\n", 505),
    ("HTTP/0.9 with a name", "GET /api/x HTTP/0.9\r\n{H}\r\n", 505),
    ("a version in small letters", "GET /api/x http/1.1\r\n{H}\r\n", 505),
    ("a version with two digits", "GET /api/x HTTP/1.10\r\n{H}\r\n", 505),
    ("a preface that goes wrong", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505),
    (
        "a PROXY header of a stranger",
        "PROXY TCP4 6.6.6.6 10.0.0.1 1 80\r\nGET /api/x HTTP/1.1\r\n{H}\r\n",
        400,
    ),
    ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03", 400),
    ("CONNECT", "CONNECT portal.gov-prod.cn:443 HTTP/1.1\r\n{H}\r\n", 405),
    ("TRACE", "TRACE /api/x HTTP/1.1\r\n{H}\r\n", 405),
    ("an expectation", "{P}Expect: a-miracle\r\nContent-Length: 0\r\n\r\n", 417),
    // Chunks (RFC 9112 section 7.1).
    ("a chunk without a size", "{C}\r\nabc\r\n0\r\n\r\n", 400),
    ("a size that is no number", "{C}zz\r\nabc\r\n0\r\n\r\n", 400),
    ("a size with 0x", "{C}0x3\r\nabc\r\n0\r\n\r\n", 400),
    ("a size with a sign", "{C}+3\r\nabc\r\n0\r\n\r\n", 400),
    ("a negative size", "{C}-3\r\nabc\r\n0\r\n\r\n", 400),
    ("a space before the size", "{C} 3\r\nabc\r\n0\r\n\r\n", 400),
    ("a space behind the size", "{C}3 \r\nabc\r\n0\r\n\r\n", 400),
    ("a size that does not fit", "{C}10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    ("a size that ends in a bare LF", "{C}3\nabc\r\n0\r\n\r\n", 400),
    ("a size that ends in a bare CR", "{C}3\rabc\r\n0\r\n\r\n", 400),
    ("a chunk longer than its size", "{C}3\r\nabcd\r\n0\r\n\r\n", 400),
    ("a chunk that ends in a bare LF", "{C}3\r\nabc\n0\r\n\r\n", 400),
    ("an extension with a bare LF", "{C}3;a\nb\r\nabc\r\n0\r\n\r\n", 400),
    ("an extension with a bare CR", "{C}3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    ("an extension with a NUL", "{C}3;a\0b\r\nabc\r\n0\r\n\r\n", 400),
    ("a trailer that is a length", "{C}0\r\nContent-Length: 9\r\n\r\n", 400),
    ("a trailer that is a host", "{C}0\r\nHost: other.example\r\n\r\n", 400),
    ("a trailer that folds", "{C}0\r\nX: a\r\n b\r\n\r\n", 400),
    ("a trailer behind a bare LF", "{C}0\r\nX: a\n\r\n", 400),
];

/// A request at the backend: target and body.
type Seen = (&'static str, &'static str);

/// Name, bytes, what the backend gets, in order.
const SERVED: &[(&str, &str, &[Seen])] = &[
    ("plain", "GET /api/x HTTP/1.1\r\n{H}\r\n", &[("/api/x", "")]),
    ("HTTP/1.0", "GET /api/x HTTP/1.0\r\n{H}\r\n", &[("/api/x", "")]),
    ("empty lines before", "\r\n\r\nGET /api/x HTTP/1.1\r\n{H}\r\n", &[("/api/x", "")]),
    (
        "two at once",
        "GET /api/1 HTTP/1.1\r\n{H}\r\nGET /api/2 HTTP/1.1\r\n{H}\r\n",
        &[("/api/1", ""), ("/api/2", "")],
    ),
    ("a body that looks like a request", "{P}Content-Length: 54\r\n\r\n{HIDDEN}", &[("/api/x", HIDDEN)]),
    (
        "a GET with a body",
        "GET /api/x HTTP/1.1\r\n{H}Content-Length: 54\r\n\r\n{HIDDEN}",
        &[("/api/x", HIDDEN)],
    ),
    ("a chunk that looks like a request", "{C}36\r\n{HIDDEN}\r\n0\r\n\r\n", &[("/api/x", HIDDEN)]),
    (
        "chunks in capitals",
        "{P}TRANSFER-ENCODING:CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        &[("/api/x", "0123456789")],
    ),
    ("zeros before a size", "{C}0003\r\nabc\r\n000\r\n\r\n", &[("/api/x", "abc")]),
    // A recipient must ignore extensions that it does not know; they go no further.
    ("an extension", "{C}3;a=\"b c\"\r\nabc\r\n0\r\n\r\n", &[("/api/x", "abc")]),
    ("a trailer", "{C}3\r\nabc\r\n0\r\nX-End: 1\r\n\r\n", &[("/api/x", "abc")]),
    // The target's authority takes precedence (RFC 9112 section 3.2.2).
    (
        "absolute-form with another host",
        "GET http://portal.gov-prod.cn/api/x HTTP/1.1\r\nHost: other.example\r\n\r\n",
        &[("/api/x", "")],
    ),
    (
        "no wish for h2c is passed on",
        "GET /api/x HTTP/1.1\r\n{H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n\r\n",
        &[("/api/x", "")],
    ),
];

fn spell(text: &str) -> String {
    let post = "POST /api/x HTTP/1.1\r\n{H}";
    text.replace("{C}", "{P}Transfer-Encoding: chunked\r\n\r\n")
        .replace("{P}", post)
        .replace("{HIDDEN}", HIDDEN)
        .replace("{H}", "Host: portal.gov-prod.cn\r\n")
}

#[tokio::test]
async fn what_is_ambiguous_is_refused_and_reaches_nobody() {
    let backend = Recorder::start().await;
    let issuer = Issuer::new();
    let world = World::start(issuer.certified(one_route("first", &[backend.address]), &[HOST])).await;
    let mut wrong = Vec::new();
    let doors = [false, true];
    for ((name, bytes, status), tls) in REFUSED.iter().flat_map(|row| doors.map(|tls| (row, tls))) {
        // What hides behind the request must not be served either.
        let bytes = spell(bytes) + HIDDEN;
        let mut wire = if tls {
            Wire::over(issuer.connect(world.https(), HOST, &["http/1.1"]).await.unwrap())
        } else {
            Wire::connect(world.http()).await
        };
        wire.send(&bytes).await;
        let answer = wire.rest().await;
        let arrived = backend.take();
        if !answer.starts_with(&format!("HTTP/1.1 {status} "))
            || answer.lines().filter(|line| line.starts_with("HTTP/1.1 ")).count() != 1
        {
            wrong.push(format!("{name}, tls {tls}: expected {status}, answered: {answer}"));
        }
        if !arrived.is_empty() {
            wrong.push(format!("{name}: the backend got {arrived:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), REFUSED.len());
}

#[tokio::test]
async fn what_is_clear_is_served_once() {
    let backend = Recorder::start().await;
    let world = World::start(one_route("first", &[backend.address])).await;
    for (name, bytes, expected) in SERVED {
        // In one piece, and byte by byte.
        for pieces in [usize::MAX, 1] {
            let mut wire = Wire::connect(world.http()).await;
            for piece in spell(bytes).as_bytes().chunks(pieces) {
                wire.send(piece).await;
            }
            let statuses = wire.statuses(expected.len()).await;
            assert_eq!(statuses, vec![200; expected.len()], "{name}");
            let arrived = backend.take();
            let seen: Vec<_> = arrived
                .iter()
                .map(|request| (request.uri.to_string(), String::from_utf8_lossy(&request.body).into_owned()))
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(target, body)| ((*target).to_owned(), (*body).to_owned())).collect();
            assert_eq!(seen, expected, "{name}");
            for request in arrived {
                assert!(
                    bytes.contains(request.method.as_str()) || bytes.contains('{'),
                    "{name}: {}",
                    request.method
                );
                assert_eq!(request.headers["host"], "portal.gov-prod.cn", "{name}");
                assert_eq!(request.headers.get_all("host").iter().count(), 1, "{name}");
                let framings = ["content-length", "transfer-encoding"];
                let framed = framings.iter().filter(|field| request.headers.contains_key(**field)).count();
                assert!(framed <= 1, "{name}: {:?}", request.headers);
            }
        }
    }
}

#[tokio::test]
async fn what_was_asked_before_a_bad_request_is_answered_first() {
    let backend = Recorder::start().await;
    let world = World::start(one_route("first", &[backend.address])).await;
    let mut wire = Wire::connect(world.http()).await;
    let good = spell("GET /api/1 HTTP/1.1\r\n{H}\r\n");
    wire.send(format!("{good}{good}GET /api/x HTTP/1.1\n\n{good}")).await;
    let answer = wire.rest().await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["200", "200", "400"], "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(backend.take().len(), 2);
    assert_eq!(world.counter("requests"), 3, "a refusal is counted");
}
