//! Demo backends on real sockets.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::answer::Shared;
use super::listener;
use super::{Behaviour, REDIRECT, Refusal};

const SOON: Duration = Duration::from_secs(5);

struct Backend {
    at: SocketAddrV4,
    shared: Arc<Shared>,
}

impl Backend {
    /// On a port of its own, so that tests do not meet.
    fn start(port: u16) -> Self {
        let at = SocketAddrV4::new([127, 9, 3, 1].into(), port);
        let shared = Arc::new(Shared {
            region: "shenzhen".into(),
            name: "portal".into(),
            behaviour: watch::Sender::new(Behaviour { latency: 0.into(), ..Behaviour::default() }),
            requests: AtomicU64::new(0),
        });
        tokio::spawn(listener::serve(Arc::clone(&shared), at, listener::bind(at).unwrap()));
        Self { at, shared }
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        self.shared.behaviour.send_modify(change);
    }

    async fn get(&self, http2: bool, headers: &[(&str, &str)]) -> Result<Response<Bytes>, String> {
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let mut request = Request::post(format!("http://{}/api/x", self.at));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.request(request.body(Full::from("the body")).unwrap()).await;
        let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
        Ok(Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
    }
}

#[tokio::test]
async fn an_answer_names_the_region_and_repeats_the_request_over_both_versions_of_http() {
    let backend = Backend::start(20001);
    for http2 in [false, true] {
        let answer = backend.get(http2, &[("x-request-id", "7-42")]).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-served-by"]),
            (200, &"shenzhen".parse().unwrap())
        );
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            (&body["region"], &body["requestId"], &body["body"]),
            (&"shenzhen".into(), &"7-42".into(), &"the body".into())
        );
    }
}

#[tokio::test]
async fn latency_errors_and_redirects_are_as_told() {
    let backend = Backend::start(20002);
    backend.change(|b| b.latency = 150.into());
    let asked = Instant::now();
    backend.get(false, &[]).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(150));
    backend.change(|b| *b = Behaviour { latency: 0.into(), error_rate: 1.0, ..Behaviour::default() });
    assert_eq!(backend.get(false, &[(REDIRECT, "http://a/")]).await.unwrap().status(), 500);
    backend.change(|b| b.error_rate = 0.0);
    let moved = backend.get(false, &[(REDIRECT, "http://a.sz:1/x")]).await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (302, &"http://a.sz:1/x".parse().unwrap())
    );
}

#[tokio::test]
async fn a_hanging_backend_answers_once_it_hangs_no_more() {
    let backend = Backend::start(20003);
    backend.change(|b| b.refusal = Refusal::Hang);
    let mut asked = std::pin::pin!(backend.get(false, &[]));
    assert!(timeout(Duration::from_millis(200), &mut asked).await.is_err());
    backend.change(|b| b.refusal = Refusal::None);
    assert_eq!(timeout(SOON, asked).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_refusing_backend_resets_who_is_there_and_refuses_who_comes() {
    let backend = Backend::start(20004);
    let mut there = TcpStream::connect(backend.at).await.unwrap();
    backend.get(false, &[]).await.unwrap();
    backend.change(|b| b.refusal = Refusal::Refuse);
    let read = timeout(SOON, there.read(&mut [0; 8])).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let refused = backend.get(false, &[]).await;
    assert!(refused.is_err(), "{refused:?}");
    backend.change(|b| b.refusal = Refusal::None);
    let end = Instant::now() + SOON;
    while backend.get(false, &[]).await.is_err() {
        assert!(Instant::now() < end, "the backend still refuses");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
