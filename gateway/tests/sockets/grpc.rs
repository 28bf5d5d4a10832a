//! gRPC with a real client and a real server (tonic) around the gateway: calls, streams, statuses, deadlines.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use futures::{StreamExt, stream};
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use region_gateway::config::Protocol;
use spillway_decide::routes::PathPattern;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::support::program::PATIENCE;
use crate::support::{HOST, World, eventually, loopback, one_route};

/// Messages are their bytes.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Counts what was given up before it was answered.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn unary(request: Request<Bytes>, dropped: Arc<AtomicUsize>) -> Result<Response<Bytes>, Status> {
    match &request.get_ref()[..] {
        b"fail" => {
            let mut status = Status::failed_precondition("not now: 100 % \u{fc}ber");
            status.metadata_mut().insert("x-reason", "because".parse().unwrap());
            Err(status)
        }
        b"wait" => {
            assert!(request.metadata().contains_key("grpc-timeout"), "{:?}", request.metadata());
            let _waiting = Waiting(dropped);
            std::future::pending().await
        }
        message => {
            let mut response = Response::new(Bytes::copy_from_slice(message));
            response.metadata_mut().insert("x-served", "1".parse().unwrap());
            Ok(response)
        }
    }
}

type Answers = stream::BoxStream<'static, Result<Bytes, Status>>;

/// Answers each message at once; ends with a status of its own after `end`.
async fn chat(request: Request<Streaming<Bytes>>) -> Result<Response<Answers>, Status> {
    let answers = request.into_inner().map(|message| match message {
        Ok(message) if message == "end" => Err(Status::aborted("as asked")),
        message => message,
    });
    Ok(Response::new(answers.boxed()))
}

/// A server; how many calls were given up.
async fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let (address, dropped) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&dropped);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let dropped = Arc::clone(&counted);
            let service = service_fn(move |request: http::Request<Incoming>| {
                let dropped = Arc::clone(&dropped);
                async move {
                    let mut grpc = tonic::server::Grpc::new(Raw);
                    Ok::<_, Infallible>(if request.uri().path() == "/test.Echo/Chat" {
                        grpc.streaming(tower::service_fn(chat), request).await
                    } else {
                        let call = move |request| unary(request, Arc::clone(&dropped));
                        grpc.unary(tower::service_fn(call), request).await
                    })
                }
            });
            let connection =
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    (address, dropped)
}

struct Called {
    world: World,
    client: tonic::client::Grpc<Channel>,
    dropped: Arc<AtomicUsize>,
}

async fn called() -> Called {
    let (backend, dropped) = serve().await;
    let mut config = one_route("first", &[backend]);
    let mut routes = config.routes.routes().to_vec();
    routes[0].path = PathPattern::Prefix(String::new());
    config.routes = routes.into();
    for backend in config.backends.values_mut() {
        backend.protocol = Protocol::H2c;
    }
    let world = World::start(config).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", world.http())).unwrap();
    let channel = endpoint.origin(format!("http://{HOST}").parse().unwrap()).connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    Called { world, client, dropped }
}

fn path(method: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(method)
}

#[tokio::test]
async fn calls_carry_messages_metadata_and_statuses() {
    let Called { mut client, world, .. } = called().await;
    for message in [Bytes::from_static(b"hello"), Bytes::new(), Bytes::from(vec![7; 1 << 20])] {
        client.ready().await.unwrap();
        let answer =
            client.unary(Request::new(message.clone()), path("/test.Echo/Unary"), Raw).await.unwrap();
        assert_eq!(answer.metadata().get("x-served").unwrap(), "1");
        assert_eq!(answer.into_inner(), message);
    }
    client.ready().await.unwrap();
    let status = client.unary(Request::new("fail".into()), path("/test.Echo/Unary"), Raw).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not now: 100 % \u{fc}ber"));
    assert_eq!(status.metadata().get("x-reason").unwrap(), "because");
    assert_eq!(world.counter("upstreamFailures"), 0);
}

/// Each message is answered before the next is sent: nothing on the way waits for more.
#[tokio::test]
async fn streams_flow_both_ways_at_once_and_end_with_their_status() {
    let Called { mut client, world: _world, .. } = called().await;
    let (sender, messages) = mpsc::channel::<Bytes>(1);
    let messages = stream::unfold(messages, async |mut messages| Some((messages.recv().await?, messages)));
    let mut answers =
        client.streaming(Request::new(messages), path("/test.Echo/Chat"), Raw).await.unwrap().into_inner();
    for number in 0..100_u32 {
        let message = Bytes::from(format!("{number}"));
        sender.send(message.clone()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, answers.message()).await.unwrap().unwrap();
        assert_eq!(answer.unwrap(), message);
    }
    sender.send("end".into()).await.unwrap();
    let status = answers.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "as asked"));
}

/// The backend learns of the deadline, and of the client's giving up.
#[tokio::test]
async fn deadlines_pass_and_what_is_given_up_is_given_up_everywhere() {
    let Called { mut client, dropped, world: _world } = called().await;
    let mut request = Request::new(Bytes::from_static(b"wait"));
    request.set_timeout(Duration::from_millis(200));
    let status = client.unary(request, path("/test.Echo/Unary"), Raw).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    let seen = || async { dropped.load(Ordering::SeqCst) };
    eventually("the backend's call given up", PATIENCE, seen, |dropped| *dropped == 1).await;
}
