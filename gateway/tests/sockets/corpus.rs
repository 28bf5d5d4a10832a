//! The corpus of redirect headers, row by row through the running program: what a backend sends, what the
//! client gets.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::support::client::{self, Answer};
use crate::support::loopback;
use crate::support::program::Program;

/// The public host, a regional one, and the Service's.
const C: &str = "shop.example.com";
const U: &str = "shop.us.example.net";
const S: &str = "shop.default.svc.cluster.local";

/// Row, field, what the backend sends, what the client gets, which asked `https://shop.example.com/cart`.
const ROWS: &[(u32, &str, &str, &str)] = &[
    (1, "location", "http://{S}:8080/a", "https://{C}/a"),
    (2, "location", "http://{U}", "https://{C}/"),
    (3, "location", "http://{U}?x=1", "https://{C}/?x=1"),
    (4, "location", "HTTP://{U}/a", "https://{C}/a"),
    (5, "location", "http://SHOP.US.Example.NET/a", "https://{C}/a"),
    (6, "location", "http://{U}./a", "https://{C}/a"),
    (7, "location", "https://{U}:443/a", "https://{C}/a"),
    (7, "location", "http://{U}:80/a", "https://{C}/a"),
    (7, "location", "http://{U}:/a", "https://{C}/a"),
    (8, "location", "https://{U}:8443/a", "https://{C}/a"),
    (9, "location", "http://{U}:9999/a", "http://{U}:9999/a"),
    (10, "location", "//{U}/a", "//{C}/a"),
    (11, "location", "/a", "/a"),
    (11, "location", "a?b#c", "a?b#c"),
    (11, "location", "?x", "?x"),
    (11, "location", "#f", "#f"),
    (12, "location", "http://[FD00:0::7]:8080/a", "https://{C}/a"),
    (13, "location", "http://u:p@{U}/a", "https://{C}/a"),
    (14, "location", "http://{U}@evil.example/", "http://{U}@evil.example/"),
    (14, "location", "http://{U}.evil.example/", "http://{U}.evil.example/"),
    (14, "location", "http://evilshop.us.example.net/", "http://evilshop.us.example.net/"),
    (
        16,
        "location",
        "https://idp.example/auth?redirect_uri=http://{U}/cb",
        "https://idp.example/auth?redirect_uri=http://{U}/cb",
    ),
    (17, "location", "http://{U}/login?next=http://{U}/x", "https://{C}/login?next=http://{U}/x"),
    (18, "location", "http://{U}/a#f", "https://{C}/a#f"),
    (19, "location", "https://partner.example/x", "https://partner.example/x"),
    (19, "location", "mailto:x@{U}", "mailto:x@{U}"),
    (19, "location", "myapp://{U}/cb", "myapp://{U}/cb"),
    (23, "location", "http://{U}/a,b;c", "https://{C}/a,b;c"),
    (24, "location", "http://{U}/a%2Fb/%2e%2e//c", "https://{C}/a%2Fb/%2e%2e//c"),
    (27, "refresh", "5;URL='http://{U}/a'", "5;URL='https://{C}/a'"),
    (28, "content-location", "http://{U}/a", "https://{C}/a"),
    (29, "link", "<http://{U}/a>;rel=next", "<http://{U}/a>;rel=next"),
    (30, "set-cookie", "a=b; Path=/; Domain={U}", "a=b; Path=/; Domain={C}"),
    (30, "set-cookie", "a=b; Domain=example.net", "a=b; Domain=example.net"),
    (30, "set-cookie", "__Host-a=b; Domain={U}", "__Host-a=b; Domain={U}"),
    (31, "access-control-allow-origin", "http://{U}", "http://{U}"),
    (31, "strict-transport-security", "max-age=9; {U}", "max-age=9; {U}"),
    (31, "content-security-policy", "default-src http://{U}", "default-src http://{U}"),
    (32, "location", "http://other.us.example.net/a", "http://other.us.example.net/a"),
    (33, "location", "https://{C}/a", "https://{C}/a"),
];

/// What the corpus does not have: the fields beside `Location`, in the shapes that browsers take, and what parsers
/// disagree about. The path `/links` opts in to `Link`.
const BEYOND: &[(&str, &str, &str, &str)] = &[
    ("/cart", "refresh", "0;url=http://{U}/a", "0;url=https://{C}/a"),
    ("/cart", "refresh", "0; URL = \"http://{U}/a\"", "0; URL = \"https://{C}/a\""),
    ("/cart", "refresh", "1.5 http://{U}/a;b,c", "1.5 https://{C}/a;b,c"),
    ("/cart", "refresh", "0,//{U}/a", "0,//{C}/a"),
    ("/cart", "refresh", "5", "5"),
    (
        "/cart",
        "refresh",
        "0;url=https://partner.example/?u=http://{U}/",
        "0;url=https://partner.example/?u=http://{U}/",
    ),
    ("/shop/a", "refresh", "0;url=/b", "0;url=/shop/b"),
    ("/cart", "content-location", "/a", "/a"),
    ("/shop/a", "content-location", "/b", "/shop/b"),
    ("/cart", "content-location", "https://partner.example/a", "https://partner.example/a"),
    ("/cart", "set-cookie", "a=b; domain = .{U} ; Secure", "a=b; domain ={C}; Secure"),
    ("/cart", "set-cookie", "Domain={U}; Path=/", "Domain={U}; Path=/"),
    ("/cart", "set-cookie", "__host-a=b; Domain={U}", "__host-a=b; Domain={U}"),
    ("/cart", "set-cookie", "__Secure-a=b; Domain={U}; Secure", "__Secure-a=b; Domain={C}; Secure"),
    (
        "/links",
        "link",
        "<http://{U}/2>; rel=\"next <http://{U}/>\", </1>; rel=prev",
        "<https://{C}/2>; rel=\"next <http://{U}/>\", </1>; rel=prev",
    ),
    ("/links", "link", "<https://partner.example/>; rel=help", "<https://partner.example/>; rel=help"),
    ("/cart", "link", "<http://{U}/style.css>; rel=preload", "<http://{U}/style.css>; rel=preload"),
    ("/cart", "location", "http:{U}/a", "http:{U}/a"),
    ("/cart", "location", "/\\{U}/a", "/\\{U}/a"),
    ("/cart", "location", "http:\\\\{U}\\a", "http:\\\\{U}\\a"),
    ("/cart", "location", "http://shop%2eus.example.net/a", "http://shop%2eus.example.net/a"),
];

fn spell(text: &str) -> String {
    text.replace("{C}", C).replace("{U}", U).replace("{S}", S)
}

/// A backend that answers with the status and the fields that the request names.
async fn obedient() -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request| async move { Ok::<_, Infallible>(obey(&request)) });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn obey(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("path {}, see http://{U}/", request.uri())));
    for order in request.headers().get_all("x-answer") {
        let (name, value) = order.to_str().unwrap().split_once(": ").unwrap();
        if name == "status" {
            *response.status_mut() = value.parse().unwrap();
        } else {
            response.headers_mut().append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
    }
    response
}

struct Shop {
    program: Program,
    _directory: tempfile::TempDir,
}

impl Shop {
    /// The route's own names, and an alias of another route.
    async fn open(trust: &str) -> Self {
        let backend = obedient().await;
        let route = format!(
            "host: {C}, backend: main, redirectAliases: [{U}, '{U}:8443', '{S}:8080', '10.8.0.7:8080', '[fd00::7]:8080']"
        );
        let text = format!(
            "LISTEN\nbounds: {{trustedProxies: [{trust}]}}\nbackends: {{main: {{endpoints: ['{backend}']}}}}\n\
             routes:\n- {{name: cart, {route}}}\n- {{name: shop, path: /shop, stripPrefix: true, {route}}}\n\
             - {{name: links, path: /links, rewriteLinks: true, {route}}}\n\
             - {{name: other, host: other.example.com, backend: main, redirectAliases: [other.us.example.net]}}\n"
        );
        let directory = tempfile::tempdir().unwrap();
        let program = Program::with_file(directory.path(), &text);
        program.has_readiness(StatusCode::OK).await;
        Self { program, _directory: directory }
    }

    async fn ask(&self, path: &str, fields: &[(&str, &str)], orders: &[String]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        for order in orders {
            request = request.header("x-answer", order);
        }
        client::http1(self.program.http, request.body(Full::default()).unwrap()).await
    }

    /// As the client of an edge that ends TLS.
    async fn cart(&self, orders: &[String]) -> Answer {
        self.ask("/cart", &https(C), orders).await
    }
}

fn https(host: &str) -> [(&str, &str); 3] {
    [("host", host), ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")]
}

fn order(field: &str, value: &str) -> String {
    format!("{field}: {}", spell(value))
}

fn values(answer: &Answer, field: &str) -> Vec<String> {
    answer.headers().get_all(field).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rows_with_one_field() {
    let shop = Shop::open("127.0.0.1").await;
    for (row, field, sent, expected) in ROWS {
        let answer = shop.cart(&[order("status", "302"), order(field, sent)]).await;
        assert_eq!(values(&answer, field), [spell(expected)], "row {row}: {sent}");
        assert!(answer.body().ends_with(&format!("see http://{U}/")), "row 31: bodies stay");
    }
}

#[tokio::test]
async fn beyond_the_corpus() {
    let shop = Shop::open("127.0.0.1").await;
    for (path, field, sent, expected) in BEYOND {
        let answer = shop.ask(path, &https(C), &[order(field, sent)]).await;
        assert_eq!(values(&answer, field), [spell(expected)], "{path} {field}: {sent}");
    }
    assert_eq!(shop.program.metric("locations_invalid_total").await, Some(4), "what parsers disagree about");
    // A second gateway on the way finds nothing left to do.
    for (path, field, _, expected) in BEYOND.iter().filter(|(path, ..)| *path != "/shop/a") {
        let answer = shop.ask(path, &https(C), &[order(field, expected)]).await;
        assert_eq!(values(&answer, field), [spell(expected)], "{path} {field}: {expected} once more");
    }
}

#[tokio::test]
async fn row_15_is_left_alone_and_counted() {
    let shop = Shop::open("127.0.0.1").await;
    let invalid = ["http://{U}\\@evil.example/", "http://{U}:8443evil/", "http://[::/"];
    for (count, sent) in (1..).zip(invalid) {
        let answer = shop.cart(&[order("location", sent)]).await;
        assert_eq!(values(&answer, "location"), [spell(sent)]);
        assert_eq!(shop.program.metric("locations_invalid_total").await, Some(count), "{sent}");
    }
}

#[tokio::test]
async fn rows_about_what_the_client_asked() {
    let shop = Shop::open("127.0.0.1").await;
    // 20: never downgrade.
    let answer = shop.ask("/cart", &[("host", C)], &[order("location", "https://{C}/a")]).await;
    assert_eq!(values(&answer, "location"), [spell("https://{C}/a")], "row 20");
    // 21: the port that the client named.
    let port = format!("{C}:8443");
    let answer = shop.ask("/cart", &https(&port), &[order("location", "http://{U}/a")]).await;
    assert_eq!(values(&answer, "location"), [spell("https://{C}:8443/a")], "row 21");
    // 22: a stripped prefix comes back.
    for (sent, expected) in [("/a", "/shop/a"), ("http://{U}/a", "https://{C}/shop/a")] {
        let answer = shop.ask("/shop/cart?x=1", &https(C), &[order("location", sent)]).await;
        assert_eq!(values(&answer, "location"), [spell(expected)], "row 22: {sent}");
        assert!(answer.body().starts_with("path /cart?x=1,"), "{}", answer.body());
    }
    // 25: the first of two, never joined.
    let two = [order("location", "http://{U}/1"), order("location", "http://{U}/2")];
    assert_eq!(values(&shop.cart(&two).await, "location"), [spell("https://{C}/1")], "row 25");
    // 26: every status.
    for status in ["200", "201", "301", "302", "303", "307", "308"] {
        let answer = shop.cart(&[order("status", status), order("location", "http://{U}/a")]).await;
        assert_eq!(answer.status().as_str(), status);
        assert_eq!(values(&answer, "location"), [spell("https://{C}/a")], "row 26: {status}");
    }
    // 29: links where the route asks for it.
    let answer = shop.ask("/links", &https(C), &[order("link", "<http://{U}/a>;rel=next")]).await;
    assert_eq!(values(&answer, "link"), [spell("<https://{C}/a>;rel=next")], "row 29");
    // 35: who is listed says which host is public.
    let forwarded = [("host", "internal"), ("forwarded", "for=192.0.2.7;host=shop.example.com;proto=https")];
    let answer = shop.ask("/cart", &forwarded, &[order("location", "http://{U}/a")]).await;
    assert_eq!(values(&answer, "location"), [spell("https://{C}/a")], "row 35");
}

#[tokio::test]
async fn row_34_strangers_are_not_believed() {
    let shop = Shop::open("192.0.2.0/24").await;
    let claims = [("host", C), ("x-forwarded-for", "6.6.6.6"), ("x-forwarded-host", "evil.example")];
    let answer = shop.ask("/cart", &claims, &[order("location", "http://{U}/a")]).await;
    assert_eq!(values(&answer, "location"), [spell("http://{C}/a")]);
}
