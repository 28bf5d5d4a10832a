//! A backend that says who it is and what it was asked, and misbehaves on request: the path decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::loopback;

pub struct Backend {
    pub address: SocketAddr,
    pub served: Arc<AtomicUsize>,
    pub connections: Arc<AtomicUsize>,
}

impl Backend {
    pub async fn start(name: &'static str) -> Self {
        Self::with_workers(name, 1_000_000).await
    }

    /// One that does so much `work` at a time; the rest waits.
    pub async fn with_workers(name: &'static str, workers: usize) -> Self {
        let workers = Arc::new(Semaphore::new(workers));
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (served, connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (count, opened) = (Arc::clone(&served), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (count, workers) = (Arc::clone(&count), Arc::clone(&workers));
                let service = service_fn(move |request| {
                    count.fetch_add(1, Ordering::SeqCst);
                    answer(name, address, Arc::clone(&workers), request)
                });
                tokio::spawn(
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades(),
                );
            }
        });
        Self { address, served, connections }
    }

    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// An address that nobody listens on, and that no connection of another test gets for its own end meanwhile: the kernel
/// takes those from 32768 on.
pub fn refusing() -> SocketAddr {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let nth = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let address = SocketAddr::new(loopback().ip(), u16::try_from(FIRST + nth % COUNT).unwrap());
        if std::net::TcpListener::bind(address).is_ok() && std::net::UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

async fn answer(
    name: &'static str,
    own: SocketAddr,
    workers: Arc<Semaphore>,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, Incoming>>, std::io::Error> {
    let path = request.uri().path().trim_start_matches("/api/").to_owned();
    let (kind, argument) = path.split_once('/').unwrap_or((&path, ""));
    let response = match kind {
        "redirect" => {
            let location = format!("http://{own}/api/{argument}?q=a%2Fb#f");
            Response::builder().status(StatusCode::FOUND).header("location", location).body(Full::default())
        }
        "status" => Response::builder().status(argument.parse::<u16>().unwrap()).body(Full::default()),
        "slow" => {
            tokio::time::sleep(Duration::from_millis(argument.parse().unwrap())).await;
            Response::builder().body(Full::from(name))
        }
        "work" => {
            let _worker = workers.acquire().await;
            tokio::time::sleep(Duration::from_millis(argument.parse().unwrap())).await;
            Response::builder().body(Full::from(name))
        }
        "headers" => {
            let lines: Vec<String> = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            Response::builder()
                .header("connection", "x-internal")
                .header("x-internal", "1")
                .body(Full::from(lines.join("\n")))
        }
        "unprocessed" => {
            Response::builder().header("spillway-unprocessed", "1").body(Full::from("processed"))
        }
        "echo" => {
            let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
            Response::builder().body(Full::from(body))
        }
        "cut" => return Err(std::io::Error::other("cut")),
        // Comes back as it comes.
        "stream" => return Ok(Response::new(Either::Right(request.into_body()))),
        "socket" => return Ok(tunnel(request).map(Either::Left)),
        _ => Response::builder().body(Full::from(name)),
    };
    Ok(response.unwrap().map(Either::Left))
}

/// Agrees to change the protocol and echoes in capitals.
fn tunnel(request: Request<Incoming>) -> Response<Full<Bytes>> {
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        let mut buffer = [0; 64];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            buffer[..read].make_ascii_uppercase();
            stream.write_all(&buffer[..read]).await.unwrap();
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .body(Full::default())
        .unwrap()
}
