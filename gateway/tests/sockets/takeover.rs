//! A new gateway takes the doors of an old one over, under load: not one request fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::StatusCode;
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::client::{collect, get, http1};
use crate::support::program::{PATIENCE, Program, command};
use crate::support::{Backend, HOST, backend, eventually};

/// Clients that connect anew for each request, and clients that keep their connections until they are told.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: JoinSet<Result<(), String>>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let mut load = Self { stop: Arc::default(), answered: Arc::default(), clients: JoinSet::new() };
        for number in 0..8 {
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            load.clients.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let keep = number % 2 == 0;
                    connection(address, keep, &stop, &answered).await?;
                }
                Ok(())
            });
        }
        load
    }

    async fn end(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap().unwrap();
        }
        self.answered.load(Ordering::Relaxed)
    }
}

/// One connection: one request, or as many as it lives.
async fn connection(
    address: SocketAddr,
    keep: bool,
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> Result<(), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    loop {
        let answer = sender.send_request(get("/api/x")).await.map_err(|error| format!("request: {error}"))?;
        let answer = collect(answer).await;
        if answer.status() != StatusCode::OK {
            return Err(format!("{answer:?}"));
        }
        answered.fetch_add(1, Ordering::Relaxed);
        let close = answer.headers().get("connection").is_some_and(|value| value == "close");
        if !keep || close || stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        sender.ready().await.map_err(|error| format!("kept connection: {error}"))?;
    }
}

#[tokio::test]
async fn the_next_gateway_takes_over_and_no_request_fails() {
    let backend = Backend::start("here").await;
    let [http, dns] = std::array::from_fn(|_| backend::refusing());
    let start = |directory: &std::path::Path| {
        // Each has its own admin port here, to be told apart.
        let admin = backend::refusing();
        let text = format!(
            "listen: {{http: '{http}', admin: '{admin}', dns: '{dns}', reusePort: true}}\n\
             backends: {{main: {{endpoints: ['{}']}}}}\nroutes: [{{name: a, host: {HOST}, backend: main}}]\n",
            backend.address
        );
        let file = directory.join("gateway.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command = command();
        command.arg("--config").arg(file).arg("--lame-duck-seconds=1");
        Program::spawn(command, directory, http, admin)
    };
    let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut serving = start(directories[0].path());
    serving.has_readiness(StatusCode::OK).await;
    let load = Load::start(http);
    for directory in &directories[1..] {
        let next = start(directory.path());
        next.has_readiness(StatusCode::OK).await;
        let before = load.answered.load(Ordering::Relaxed);
        let more = || async { load.answered.load(Ordering::Relaxed) };
        eventually("load on both", PATIENCE, more, |now| *now > before + 100).await;
        serving.signal(Signal::SIGTERM);
        let status = timeout(PATIENCE, serving.child.wait()).await.expect("it ends").unwrap();
        assert_eq!(status.code(), Some(0), "{}", serving.log());
        serving = next;
    }
    let answered = load.end().await;
    assert!(answered > 300, "there was load: {answered}");
    let served: u64 = serving.metric_sum("requests_total").await;
    assert!(served > 0, "the last one serves");
}

/// Without the flag a second gateway is told that the address is taken, as ever.
#[tokio::test]
async fn nobody_takes_over_by_accident() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let text = format!(
        "LISTEN\nbackends: {{main: {{endpoints: ['{}']}}}}\nroutes: [{{name: a, host: {HOST}, backend: main}}]\n",
        backend.address
    );
    let program = Program::with_file(directory.path(), &text);
    program.has_readiness(StatusCode::OK).await;
    let beside = tempfile::tempdir().unwrap();
    let mut second = Program::beside(&program, beside.path(), &directory.path().join("gateway.yaml"));
    let status = timeout(PATIENCE, second.child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(second.log().contains("in use"), "{}", second.log());
    assert_eq!(http1(program.http, get("/api/x")).await.body(), "here");
}
