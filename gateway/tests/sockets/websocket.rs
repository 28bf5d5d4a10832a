//! WebSocket by HTTP/2 (RFC 8441), and tunnels that outlive what happens around them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper::ext::Protocol as Extension;
use hyper_util::rt::{TokioExecutor, TokioIo};
use region_gateway::config::Protocol;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::recorder::Recorder;
use crate::support::{HOST, World, change, loopback, one_route};

/// Echoes.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn connect(address: SocketAddr) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // A client may use what the gateway offers in its settings once it has seen them.
    let hello = Request::get(format!("http://{HOST}/.well-known/spillway/healthz")).body(Empty::new());
    assert_eq!(sender.send_request(hello.unwrap()).await.unwrap().status(), StatusCode::OK);
    sender
}

fn extended(protocol: &'static str) -> Request<Empty<Bytes>> {
    Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{HOST}/api/socket?a=b"))
        .header("sec-websocket-version", "13")
        .extension(Extension::from_static(protocol))
        .body(Empty::new())
        .unwrap()
}

async fn is_echoed<S>(socket: &mut WebSocketStream<S>, message: Message)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.send(message.clone()).await.unwrap();
    let echoed = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap();
    assert_eq!(echoed.unwrap().unwrap(), message);
}

#[tokio::test]
async fn websockets_share_a_connection_of_http2() {
    let world = World::start(one_route("first", &[echo().await])).await;
    let mut sender = connect(world.http()).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let response = sender.send_request(extended("websocket")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("sec-websocket-accept"), "{response:?}");
        let stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        sockets.push(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);
    }
    for message in [Message::text("hello"), Message::binary(vec![7_u8; 1 << 20])] {
        for socket in &mut sockets {
            is_echoed(socket, message.clone()).await;
        }
    }
    for mut socket in sockets {
        socket.close(None).await.unwrap();
    }
}

/// The backend answers 200, or speaks HTTP/2, or the protocol is another: there is no tunnel, and none is claimed.
#[tokio::test]
async fn what_does_not_become_a_websocket_is_no_success() {
    let backend = Recorder::start().await;
    let world = World::start(one_route("first", &[backend.address])).await;
    let mut sender = connect(world.http()).await;
    let response = sender.send_request(extended("websocket")).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let arrived = backend.take().remove(0);
    assert_eq!((arrived.method, arrived.uri.to_string()), (Method::GET, "/api/socket?a=b".to_owned()));
    assert_eq!(arrived.headers["upgrade"], "websocket");
    assert_eq!(arrived.headers["sec-websocket-key"].len(), 24, "16 bytes in base64");

    change(&world.config, |config| {
        config.backends.values_mut().for_each(|backend| backend.protocol = Protocol::H2c);
    });
    let response = sender.send_request(extended("websocket")).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let response = sender.send_request(extended("connect-udp")).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Configs change, routes go, the gateway drains: what is open stays open until the end's own deadline.
#[tokio::test]
async fn a_tunnel_outlives_its_route_and_the_drain() {
    let world = World::start(one_route("first", &[echo().await])).await;
    let stream = TcpStream::connect(world.http()).await.unwrap();
    let (mut old, _) =
        tokio_tungstenite::client_async(format!("ws://{HOST}/api/socket"), stream).await.unwrap();
    let mut sender = connect(world.http()).await;
    let response = sender.send_request(extended("websocket")).await.unwrap();
    let stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut new = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    change(&world.config, |config| *config = one_route("first", &[]));
    world.gateway.drain();
    for text in ["one", "two"] {
        is_echoed(&mut old, Message::text(text)).await;
        is_echoed(&mut new, Message::text(text)).await;
    }
    let ending = tokio::spawn(world.gateway.stop());
    is_echoed(&mut old, Message::text("three")).await;
    is_echoed(&mut new, Message::text("three")).await;
    assert!(!ending.is_finished(), "it waits for tunnels");
    old.close(None).await.unwrap();
    new.close(None).await.unwrap();
    while old.next().await.is_some() {}
    drop((old, new, sender));
    tokio::time::timeout(Duration::from_secs(9), ending).await.expect("before its deadline").unwrap();
}
