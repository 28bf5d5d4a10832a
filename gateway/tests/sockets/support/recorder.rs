//! A backend that writes down what arrives, whole, over HTTP/1.1 or HTTP/2, and answers with its own trailers
//! where the client reads them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::loopback;

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub method: Method,
    pub uri: Uri,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

pub struct Recorder {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let shared = Arc::clone(&arrived);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let arrived = Arc::clone(&shared);
                let service = service_fn(move |request| record(request, Arc::clone(&arrived)));
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, arrived }
    }

    /// What has arrived whole since the last call.
    pub fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock())
    }
}

type Answer = Response<StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

async fn record(
    request: Request<Incoming>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
) -> Result<Answer, hyper::Error> {
    let (parts, body) = request.into_parts();
    let collected = body.collect().await?;
    arrived.lock().push(Arrived {
        method: parts.method,
        uri: parts.uri,
        version: parts.version,
        headers: parts.headers,
        trailers: collected.trailers().cloned(),
        body: collected.to_bytes(),
    });
    let mut trailers = HeaderMap::new();
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let frames = vec![Ok(Frame::data(Bytes::from_static(b"recorded"))), Ok(Frame::trailers(trailers))];
    let response = Response::builder()
        .header("trailer", "grpc-status")
        .header("keep-alive", "timeout=5")
        .header("x-kept", "1")
        .body(StreamBody::new(stream::iter(frames)));
    Ok(response.unwrap())
}
