//! How long connections live, and how they end.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use region_gateway::bounds::Bounds;
use tokio::net::TcpStream;

use crate::support::client::{collect, get};
use crate::support::program::PATIENCE;
use crate::support::wire::Wire;
use crate::support::{Backend, HOST, World, eventually, one_route};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn world(bounds: Bounds) -> (World, Backend) {
    let backend = Backend::start("here").await;
    (World::bounded(one_route("first", &[backend.address]), bounds).await, backend)
}

async fn connect_http1(world: &World) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(world.http()).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn connect_http2(world: &World) -> http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(world.http()).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get2(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://{HOST}{path}")).body(Full::default()).unwrap()
}

/// Not one request fails: HTTP/1.1 is told with an answer, HTTP/2 finishes its streams.
#[tokio::test]
async fn connections_that_are_old_are_left_in_good_order() {
    let (world, backend) = world(Bounds { max_connection_age_seconds: 1, ..Bounds::default() }).await;
    let mut one = connect_http1(&world).await;
    let first = collect(one.send_request(get("/api/x")).await.unwrap()).await;
    assert!(!first.headers().contains_key("connection"), "{first:?}");
    loop {
        one.ready().await.unwrap();
        let answer = collect(one.send_request(get("/api/x")).await.unwrap()).await;
        assert_eq!(answer.body(), "here");
        if answer.headers().get("connection").is_some_and(|value| value == "close") {
            break;
        }
        assert!(backend.served() < 100_000, "it never gets old");
    }

    let mut two = connect_http2(&world).await;
    let slow = two.send_request(get2("/api/slow/2500"));
    let slow = tokio::spawn(slow);
    let closed = || async { two.is_closed() || two.clone().ready().await.is_err() };
    eventually("GOAWAY", PATIENCE, closed, |closed| *closed).await;
    let answer = slow.await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "here", "what was asked is answered");
}

#[tokio::test]
async fn clients_are_asked_to_go_while_the_gateway_drains() {
    let (world, backend) = world(Bounds::default()).await;
    let (mut one, mut two) = (connect_http1(&world).await, connect_http2(&world).await);
    assert_eq!(two.send_request(get2("/api/x")).await.unwrap().status(), StatusCode::OK);
    let slow = tokio::spawn(two.send_request(get2("/api/slow/700")));
    eventually("in flight", PATIENCE, || async { backend.served() }, |served| *served == 2).await;
    world.gateway.drain();
    let answer = one.send_request(get("/api/x")).await.unwrap();
    assert_eq!(answer.headers()["connection"], "close");
    let closed = || async { two.is_closed() || two.clone().ready().await.is_err() };
    eventually("GOAWAY", PATIENCE, closed, |closed| *closed).await;
    let mut late = connect_http2(&world).await;
    for _ in 0..3 {
        assert_eq!(late.send_request(get2("/api/x")).await.unwrap().status(), StatusCode::OK, "still served");
    }
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    drop((one, late));
    tokio::time::timeout(Duration::from_secs(9), world.gateway.stop()).await.expect("nothing is left");
}

/// Frames by hand: a header block that does not end, a frame that does not, settings that do not come.
#[tokio::test]
async fn http2_clients_that_do_not_finish_their_heads_are_let_go() {
    let (world, _backend) = world(Bounds { header_timeout_seconds: 1, ..Bounds::default() }).await;
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let headers_without_end = [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];
    let half_a_frame = [0, 0, 9, 1, 4, 0, 0, 0, 1, 0x82];
    for (what, rest) in [("block", &headers_without_end[..]), ("frame", &half_a_frame), ("head", &[0, 0][..])]
    {
        let mut wire = Wire::connect(world.http()).await;
        wire.send([PREFACE, &settings, rest].concat()).await;
        let said = tokio::time::timeout(PATIENCE, wire.rest()).await;
        assert!(said.is_ok(), "{what}: it is still waited for");
    }
}
