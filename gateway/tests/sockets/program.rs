//! The program itself, with an API server that is not there.

use std::path::Path;

use http::StatusCode;
use nix::sys::signal::Signal;
use region_gateway::config::snapshot::SnapshotDir;
use tokio::time::timeout;

use crate::support::client::{get, http1};
use crate::support::program::{PATIENCE, Program};
use crate::support::{Backend, api_server, backend, eventually, one_route};

/// Starts the program with a kubeconfig for a server that refuses connections.
fn start(directory: &Path) -> Program {
    Program::with_kubeconfig(directory, &api_server::kubeconfig(backend::refusing()))
}

#[tokio::test]
async fn a_restart_without_the_api_server_serves_as_before_and_ends_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let snapshots = SnapshotDir::open(directory.path()).unwrap();
    snapshots.save(&one_route("first", &[backend.address])).unwrap();

    let mut program = start(directory.path());
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(http1(program.http, get("/api/x")).await.body(), "here");
    assert_eq!(program.debug_config().await["loaded"]["source"], "snapshot");

    let address = program.http;
    let health = || async { http1(address, get("/.well-known/spillway/healthz")).await.status() };
    assert_eq!(health().await, StatusCode::OK);
    let request = tokio::spawn(async move { http1(address, get("/api/slow/600")).await });
    eventually("in flight", PATIENCE, || async { backend.served() }, |served| *served == 2).await;
    program.signal(Signal::SIGTERM);
    let failing = |status: &StatusCode| *status == StatusCode::SERVICE_UNAVAILABLE;
    eventually("a failing health check", PATIENCE, health, failing).await;
    assert_eq!(http1(address, get("/api/x")).await.body(), "here", "until others have noticed");
    assert_eq!(request.await.unwrap().body(), "here", "what is in flight is finished");
    let status = timeout(PATIENCE, program.child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn without_a_snapshot_it_waits_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let program = start(directory.path());
    program.has_readiness(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(http1(program.http, get("/api/x")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_does_not_end_what_the_snapshot_can_serve() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let snapshots = SnapshotDir::open(directory.path()).unwrap();
    snapshots.save(&one_route("first", &[backend.address])).unwrap();
    let program = Program::with_kubeconfig(directory.path(), "this is no kubeconfig");
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(http1(program.http, get("/api/x")).await.body(), "here");
}
