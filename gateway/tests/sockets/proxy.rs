//! The front door over real sockets: routing, headers, redirects, retries, upgrades.
use std::time::Duration;

use crate::support::client::{get, http1, http2};
use crate::support::{Backend, HOST, World, backend, change, one_route};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn world() -> (World, Backend) {
    let backend = Backend::start("here").await;
    (World::start(one_route("first", &[backend.address])).await, backend)
}

#[tokio::test]
async fn requests_reach_their_backend_over_both_protocols() {
    let (world, _backend) = world().await;
    let answer = http1(world.http(), get("/api/x")).await;
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "here"));
    assert_eq!(answer.headers()["via"], "1.1 first-1.spillway");
    let request = Request::builder().uri(format!("http://{HOST}/api/x")).body(Full::default()).unwrap();
    let answer = http2(world.http(), request).await;
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "here"));
}

#[tokio::test]
async fn what_is_not_routed_is_told_so() {
    let (world, backend) = world().await;
    for (host, path, status, says) in [
        (HOST, "/other", StatusCode::NOT_FOUND, "no ingress of class spillway"),
        ("other.example", "/api/x", StatusCode::NOT_FOUND, "other.example"),
        ("", "/api/x", StatusCode::BAD_REQUEST, "exactly one host"),
        (HOST, "/.well-known/spillway/healthz", StatusCode::OK, "ok"),
        (HOST, "/.well-known/spillway/report", StatusCode::NOT_FOUND, "no such path"),
    ] {
        let request = Request::builder().uri(path).header("host", host).body(Full::default()).unwrap();
        let answer = http1(world.http(), request).await;
        assert_eq!(answer.status(), status, "{host}{path}");
        assert!(answer.body().contains(says), "{host}{path}: {}", answer.body());
    }
    assert_eq!(backend.served(), 0);
}

#[tokio::test]
async fn redirects_come_home_and_are_counted() {
    let (world, _backend) = world().await;
    let answer = http1(world.http(), get("/api/redirect/next")).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()["location"], format!("http://{HOST}/api/next?q=a%2Fb#f"));
    assert_eq!(world.counter("locationsRewritten"), 1);

    let request = Request::builder()
        .uri("/api/redirect/next")
        .header("host", format!("{HOST}:8080"))
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .body(Full::default())
        .unwrap();
    let answer = http1(world.http(), request).await;
    assert_eq!(answer.headers()["location"], format!("http://{HOST}:8080/api/next?q=a%2Fb#f"));
}

#[tokio::test]
async fn backends_see_the_request_and_not_the_hops() {
    let (world, _backend) = world().await;
    let request = Request::builder()
        .uri("/api/headers")
        .header("host", HOST)
        .header("connection", "keep-alive, x-hop")
        .header("x-hop", "1")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-end", "2")
        .body(Full::default())
        .unwrap();
    let answer = http1(world.http(), request).await;
    let seen: Vec<&str> = answer.body().lines().collect();
    for expected in [
        "host: portal.gov-prod.cn",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "forwarded: for=127.0.0.1;host=\"portal.gov-prod.cn\";proto=http",
        "via: 1.1 first-1.spillway",
        "x-end: 2",
    ] {
        assert!(seen.contains(&expected), "{expected} is not in {seen:?}");
    }
    assert!(!seen.iter().any(|line| line.starts_with("x-hop") || line.contains("6.6.6.6")), "{seen:?}");
    assert!(!answer.headers().contains_key("x-internal"), "named by Connection");
}

#[tokio::test]
async fn bodies_pass_whole_and_connections_are_used_again() {
    let (world, backend) = world().await;
    let big = Bytes::from("0123456789abcdef".repeat(64 * 1024));
    for _ in 0..5 {
        let request = Request::post("/api/echo").header("host", HOST).body(Full::new(big.clone())).unwrap();
        let answer = http1(world.http(), request).await;
        assert_eq!(answer.body().len(), big.len());
        assert!(answer.body().as_bytes() == big);
    }
    assert_eq!(backend.served(), 5);
    assert_eq!(backend.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_endpoint_that_refuses_costs_no_request() {
    let backend = Backend::start("here").await;
    let world = World::start(one_route("first", &[backend::refusing(), backend.address])).await;
    for number in 0..20 {
        let request =
            Request::post("/api/echo").header("host", HOST).body(Full::from(number.to_string())).unwrap();
        let answer = http1(world.http(), request).await;
        assert_eq!((answer.status(), answer.body()), (StatusCode::OK, &number.to_string()));
    }
    assert!(world.counter("retries") > 0, "both endpoints were tried");
}

#[tokio::test]
async fn a_request_that_may_have_been_processed_is_not_sent_twice() {
    let (first, second) = (Backend::start("first").await, Backend::start("second").await);
    let world = World::start(one_route("first", &[first.address, second.address])).await;
    let request = Request::post("/api/cut").header("host", HOST).body(Full::from("x")).unwrap();
    assert_eq!(http1(world.http(), request).await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(first.served() + second.served(), 1, "a POST");
    let request = Request::post("/api/cut").header("host", HOST).body(Full::default()).unwrap();
    assert_eq!(http1(world.http(), request).await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(first.served() + second.served(), 2, "a POST without a body");
    assert_eq!(http1(world.http(), get("/api/cut")).await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(first.served() + second.served(), 4, "a GET may be repeated");
}

#[tokio::test]
async fn without_endpoints_clients_are_asked_to_come_again() {
    let world = World::start(one_route("first", &[])).await;
    let answer = http1(world.http(), get("/api/x")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");

    let backend = Backend::start("late").await;
    let with_backend = one_route("first", &[backend.address]);
    change(&world.config, |config| config.backends = with_backend.backends);
    assert_eq!(http1(world.http(), get("/api/x")).await.body(), "late");
}

#[tokio::test]
async fn upgrades_pass_through() {
    let (world, _backend) = world().await;
    let mut stream = TcpStream::connect(world.http()).await.unwrap();
    let head = format!(
        "GET /api/socket HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        response.push(stream.read_u8().await.unwrap());
    }
    assert!(response.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&response));
    stream.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut echoed)).await.unwrap().unwrap();
    assert_eq!(&echoed, b"HELLO");
}

#[tokio::test]
async fn a_wish_for_another_protocol_is_not_passed_on() {
    let (world, _backend) = world().await;
    let request = Request::builder()
        .uri("/api/headers")
        .header("host", HOST)
        .header("connection", "upgrade, http2-settings")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAARAAAAA")
        .body(Full::default())
        .unwrap();
    let answer = http1(world.http(), request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let seen = answer.body();
    assert!(!seen.contains("upgrade") && !seen.contains("http2-settings"), "{seen}");
}

#[tokio::test]
async fn backends_cannot_speak_as_gateways() {
    let (world, _backend) = world().await;
    let answer = http1(world.http(), get("/api/unprocessed")).await;
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "processed"));
    assert!(!answer.headers().contains_key("spillway-unprocessed"));
}

/// Common clients keep idle connections for up to a minute; a POST on one that we close is lost.
#[tokio::test]
async fn an_idle_connection_carries_the_next_request() {
    let (world, _backend) = world().await;
    let mut stream = TcpStream::connect(world.http()).await.unwrap();
    let request = format!("POST /api/echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\nhello");
    for idle in [Duration::ZERO, Duration::from_secs(12)] {
        tokio::time::sleep(idle).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            answer.push(stream.read_u8().await.unwrap_or_else(|error| panic!("after {idle:?}: {error}")));
        }
    }
}

#[tokio::test]
async fn the_end_waits_for_requests_in_flight() {
    let (world, backend) = world().await;
    let address = world.http();
    let request = tokio::spawn(async move { http1(address, get("/api/slow/500")).await });
    crate::support::eventually(
        "the request reaches the backend",
        Duration::from_secs(5),
        || async { backend.served() },
        |served| *served == 1,
    )
    .await;
    world.gateway.stop().await;
    assert_eq!(request.await.unwrap().body(), "here");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// The last pod of a Service stays reachable while it serves on, though others are told to leave it.
#[tokio::test]
async fn who_is_told_to_end_is_ready_until_it_stops() {
    let (world, _backend) = world().await;
    world.gateway.drain();
    let health = http1(world.http(), get("/.well-known/spillway/healthz")).await;
    assert_eq!(health.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(http1(world.admin(), get("/readyz")).await.status(), StatusCode::OK);
    assert_eq!(http1(world.http(), get("/api/x")).await.body(), "here");
}

#[tokio::test]
async fn admin_shows_readiness_and_hides_the_key() {
    let (world, _backend) = world().await;
    let authority = crate::support::Authority::new();
    change(&world.config, |config| {
        config.credentials = Some(authority.issue(&crate::support::authority::identity("first")).into());
    });
    assert_eq!(http1(world.admin(), get("/readyz")).await.status(), StatusCode::OK);
    let shown = http1(world.admin(), get("/debug/config")).await;
    assert!(shown.body().contains(HOST) && !shown.body().contains("PRIVATE KEY"), "{}", shown.body());
    http1(world.http(), get("/api/x")).await;
    let metrics = http1(world.admin(), get("/metrics")).await;
    let expected =
        "spillway_gateway_requests_total{ingress=\"default/gov-portal\",code=\"200\",served=\"here\"} 1";
    assert!(metrics.body().contains(expected), "{}", metrics.body());
    let state = http1(world.admin(), get("/debug/state")).await;
    assert!(state.body().contains("\"requests\":1"), "{}", state.body());

    let empty = World::start(region_gateway::config::Config::empty("first", "first-1")).await;
    assert_eq!(http1(empty.admin(), get("/readyz")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer = http1(empty.http(), get("/.well-known/spillway/healthz")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}
