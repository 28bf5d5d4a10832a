//! What is too large or too slow, and what says so.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use region_gateway::bounds::Bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::client::{get, http1, http2};
use crate::support::recorder::Recorder;
use crate::support::wire::Wire;
use crate::support::{HOST, World, change, loopback, one_route, shown};

async fn world(bounds: Bounds) -> (World, Recorder) {
    let backend = Recorder::start().await;
    (World::bounded(one_route("first", &[backend.address]), bounds).await, backend)
}

fn small() -> Bounds {
    Bounds {
        max_uri_bytes: 64,
        max_header_bytes: 512,
        header_timeout_seconds: 1,
        body_timeout_seconds: 1,
        max_body_bytes: Some(8),
        ..Bounds::default()
    }
}

fn head(rest: &str) -> String {
    format!("POST /api/x HTTP/1.1\r\nHost: {HOST}\r\n{rest}\r\n")
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_own_status() {
    let (world, backend) = world(small()).await;
    let long = "a".repeat(100);
    let large = format!("X: {}\r\n", "b".repeat(600));
    for (what, request, status) in [
        ("a target", format!("GET /api/{long} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), 414),
        ("a target without an end", format!("GET /{}", "a".repeat(600)), 414),
        ("one field", head(&large), 431),
        ("a field without an end", head(&large).replace("\r\n\r\n", ""), 431),
        ("many fields", head(&"X: y\r\n".repeat(101)), 431),
        ("a declared body", head("Content-Length: 9\r\n"), 413),
        (
            "a chunked body",
            head("Transfer-Encoding: chunked\r\n") + "5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n",
            413,
        ),
        ("trailers", head("Transfer-Encoding: chunked\r\n") + "0\r\n" + &large + "\r\n", 431),
    ] {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(request).await;
        let answer = wire.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        assert!(backend.take().is_empty(), "{what}");
    }
    let mut wire = Wire::connect(world.http()).await;
    wire.send(head("Content-Length: 8\r\n") + "12345678").await;
    assert_eq!(wire.statuses(1).await, [200], "as much as is allowed");
}

#[tokio::test]
async fn http2_is_held_to_the_same_bounds() {
    let (world, backend) = world(small()).await;
    let request = |path: &str| Request::post(format!("http://{HOST}{path}"));
    for (what, request, status) in [
        ("a target", request(&format!("/api/{}", "a".repeat(100))).body(Full::default()), 414),
        ("a body", request("/api/x").body(Full::from("123456789")), 413),
        ("a field", request("/api/x").header("x", "b".repeat(600)).body(Full::default()), 431),
        ("two hosts", request("/api/x").header("host", "other.example").body(Full::default()), 400),
    ] {
        let answer = http2(world.http(), request.unwrap()).await;
        assert_eq!(answer.status().as_u16(), status, "{what}");
        assert!(backend.take().is_empty(), "{what}");
    }
    let fits: Request<Full<Bytes>> = request("/api/x").body(Full::from("12345678")).unwrap();
    assert_eq!(http2(world.http(), fits).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_routes_own_bound_takes_the_place_of_the_gateways() {
    let (world, _backend) = world(small()).await;
    change(&world.config, |config| {
        let mut routes: Vec<_> = config.routes.clone().into();
        routes[0].max_body_bytes = Some(100);
        config.routes = routes.into();
    });
    for (bytes, status) in [(100, 200), (101, 413)] {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(head(&format!("Content-Length: {bytes}\r\n")) + &"a".repeat(bytes)).await;
        assert_eq!(wire.statuses(1).await, [status], "{bytes}");
    }
}

#[tokio::test]
async fn who_is_too_slow_is_told_so() {
    let (world, backend) = world(small()).await;
    for (what, request) in [
        ("half a request line", "GET /api".to_owned()),
        ("half a head", format!("GET /api/x HTTP/1.1\r\nHost: {HOST}\r\n")),
        ("half a body", head("Content-Length: 8\r\n") + "1234"),
        ("half a chunk", head("Transfer-Encoding: chunked\r\n") + "8\r\n1234"),
        ("half a head behind a whole request", head("Content-Length: 0\r\n") + "GET /api"),
    ] {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(request).await;
        let answer = wire.rest().await;
        let last = answer.rsplit("HTTP/1.1 ").next().unwrap_or_default();
        assert!(last.starts_with("408 "), "{what}: {answer}");
        backend.take();
    }
    assert_eq!(world.counter("upstreamFailures"), 0, "clients' faults are not the backend's");
}

#[tokio::test]
async fn a_client_that_goes_away_within_its_body_is_not_the_backends_fault() {
    let (world, backend) = world(Bounds::default()).await;
    let mut wire = Wire::connect(world.http()).await;
    wire.send(head("Content-Length: 8\r\n") + "1234").await;
    drop(wire);
    let mut next = Wire::connect(world.http()).await;
    next.send(head("Content-Length: 8\r\n") + "12345678").await;
    assert_eq!(next.statuses(1).await, [200]);
    assert_eq!(backend.take().len(), 1);
    assert_eq!(world.counter("upstreamFailures"), 0);
}

/// While a client takes its time to send a small body that is kept, it has no place at the backend; and how long
/// clients take is no part of the latency that the backend is measured by.
#[tokio::test]
async fn a_slow_client_is_no_load() {
    let (world, _backend) = world(Bounds::default()).await;
    let view = async || shown(&world).await["default/api-gateway:8080"].clone();
    let rest = "Expect: 100-continue\r\nContent-Length: 4\r\n";
    let mut wires = Vec::new();
    for request in [head(rest).replace("POST", "PUT")].into_iter().chain(vec![head(rest); 60]) {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(request).await;
        wire.until("HTTP/1.1 100 Continue\r\n\r\n").await;
        if wires.is_empty() {
            assert_eq!(view().await["ownInFlight"], 0, "it is kept, and nobody is asked yet");
        }
        wires.push(wire);
    }
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for wire in &mut wires {
        wire.send("1234").await;
    }
    for wire in &mut wires {
        assert_eq!(wire.statuses(2).await, [100, 200]);
    }
    let view = view().await;
    let latency = view["latencyMilliseconds"].as_f64().unwrap();
    assert!(latency < 2000.0, "what the clients took is in it: {view}");
}

/// The endpoints answer before they have the request, and the clients never send the rest: nobody is ejected for that.
#[tokio::test]
async fn who_stalls_after_the_answer_has_begun_does_not_count_against_the_endpoint() {
    let endpoints = [answering_early().await, answering_early().await];
    let world = World::bounded(one_route("first", &endpoints), small()).await;
    let mut wires = Vec::new();
    for _ in 0..12 {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(head("Content-Length: 8\r\n") + "1234").await;
        wire.until("early").await;
        wires.push(wire);
    }
    for wire in &mut wires {
        wire.rest().await;
    }
    let view = &shown(&world).await["default/api-gateway:8080"]["endpoints"];
    for endpoint in endpoints.map(|address| &view[address.to_string()]) {
        let told = (&endpoint["state"], &endpoint["failuresInARow"]);
        assert_eq!(told, (&"ready".into(), &0.into()), "{view}");
    }
    let metrics = http1(world.admin(), get("/metrics")).await.into_body();
    assert!(!metrics.contains("endpoint_faults_total{"), "{metrics}");
}

/// Begins its answer with the first bytes of a request, and never ends it.
async fn answering_early() -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _begun = stream.read(&mut buffer).await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nearly").await?;
                while stream.read(&mut buffer).await? > 0 {}
                std::io::Result::Ok(())
            });
        }
    });
    address
}

#[tokio::test]
async fn continue_is_said_only_to_those_whose_body_is_wanted() {
    let (world, backend) = world(small()).await;
    let mut wire = Wire::connect(world.http()).await;
    wire.send(head("Expect: 100-continue\r\nContent-Length: 4\r\n")).await;
    wire.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    wire.send("1234").await;
    assert_eq!(wire.statuses(2).await, [100, 200]);
    let arrived = backend.take();
    assert_eq!(arrived[0].body, "1234");
    assert!(!arrived[0].headers.contains_key("expect"), "it was answered here");

    for (rest, path, status) in
        [("Content-Length: 9\r\n", "/api/x", 413), ("Content-Length: 4\r\n", "/nowhere", 404)]
    {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(head(&format!("Expect: 100-continue\r\n{rest}")).replace("/api/x", path)).await;
        let answer = wire.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}
