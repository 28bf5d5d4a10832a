//! HTTP/2 on either side, gRPC with its trailers, WebSocket end to end: each with a client that knows it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use region_gateway::config::Protocol;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::support::recorder::Recorder;
use crate::support::{HOST, World, change, loopback, one_route};

async fn world(protocol: Protocol) -> (World, Recorder) {
    let backend = Recorder::start().await;
    let world = World::start(one_route("first", &[backend.address])).await;
    change(&world.config, |config| {
        for backend in config.backends.values_mut() {
            backend.protocol = protocol;
        }
    });
    (world, backend)
}

type Frames = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// Two pieces and a trailer.
fn call(uri: &str) -> Request<Frames> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("7"));
    let frames = vec![
        Ok(Frame::data(Bytes::from_static(b"\0\0\0\0\x02"))),
        Ok(Frame::data(Bytes::from_static(b"hi"))),
        Ok(Frame::trailers(trailers)),
    ];
    Request::post(uri)
        .header("host", HOST)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("trailer", "x-checksum")
        .body(StreamBody::new(stream::iter(frames)))
        .unwrap()
}

#[tokio::test]
async fn grpc_passes_with_its_trailers_over_http2_from_end_to_end() {
    let (world, backend) = world(Protocol::H2c).await;
    let stream = TcpStream::connect(world.http()).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let mut request = call(&format!("http://{HOST}/api/greeter.Greeter/Hello"));
        request.headers_mut().remove("host");
        let response = sender.send_request(request).await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(collected.to_bytes(), "recorded");
    }
    for arrived in backend.take() {
        assert_eq!(arrived.version, Version::HTTP_2);
        assert_eq!(arrived.uri.to_string(), format!("http://{HOST}/api/greeter.Greeter/Hello"));
        assert_eq!(arrived.headers["te"], "trailers");
        assert_eq!(arrived.headers["content-type"], "application/grpc");
        assert!(!arrived.headers.contains_key("host") && !arrived.headers.contains_key("connection"));
        assert_eq!(arrived.body, "\0\0\0\0\x02hi");
        assert_eq!(arrived.trailers.unwrap()["x-checksum"], "7");
    }
}

#[tokio::test]
async fn trailers_pass_over_http1_and_between_versions() {
    for protocol in [Protocol::Http1, Protocol::H2c] {
        let (world, backend) = world(protocol).await;
        let stream = TcpStream::connect(world.http()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(call("/api/x")).await.unwrap();
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().unwrap_or_else(|| panic!("{protocol:?}: no trailers came back"));
        assert_eq!(trailers["grpc-status"], "0");
        let arrived = &backend.take()[0];
        let trailers =
            arrived.trailers.as_ref().unwrap_or_else(|| panic!("{protocol:?}: no trailers arrived"));
        assert_eq!(trailers["x-checksum"], "7");
    }
}

#[tokio::test]
async fn an_http2_backend_that_is_gone_gives_the_request_back() {
    let backend = Recorder::start().await;
    let world =
        World::start(one_route("first", &[crate::support::backend::refusing(), backend.address])).await;
    change(&world.config, |config| {
        for backend in config.backends.values_mut() {
            backend.protocol = Protocol::H2c;
        }
    });
    for _ in 0..10 {
        let request = Request::post("/api/x").header("host", HOST);
        let request = request.body(http_body_util::Full::from("once")).unwrap();
        assert_eq!(crate::support::client::http1(world.http(), request).await.status(), StatusCode::OK);
    }
    assert_eq!(backend.take().len(), 10);
}

#[tokio::test]
async fn websocket_passes_from_end_to_end() {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let world = World::start(one_route("first", &[listener.local_addr().unwrap()])).await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() || message.is_binary() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    let stream = TcpStream::connect(world.http()).await.unwrap();
    let (mut socket, response) =
        tokio_tungstenite::client_async(format!("ws://{HOST}/api/socket"), stream).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    // Larger than any buffer on the way, and bytes that would be no HTTP at all.
    for message in
        [Message::text("hello"), Message::binary(vec![0_u8; 1 << 20]), Message::text("\r\n\r\nGET")]
    {
        socket.send(message.clone()).await.unwrap();
        let echoed = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap();
        assert_eq!(echoed.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
}
