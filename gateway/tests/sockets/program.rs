//! The program itself, with an API server that is not there.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use http::StatusCode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use region_gateway::config::snapshot::SnapshotDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::client::{get, http1};
use crate::support::{Backend, backend, eventually, one_route};

const PATIENCE: Duration = Duration::from_secs(20);

struct Program {
    child: Child,
    http: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    /// Starts the program with a kubeconfig for a server that refuses connections.
    fn start(directory: &Path) -> Self {
        let server = backend::refusing();
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, users: [{{name: u, user: {{token: t}}}}],\n\
             clusters: [{{name: k, cluster: {{server: 'http://{server}'}}}}],\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]}}"
        );
        Self::start_with(directory, &text)
    }

    fn start_with(directory: &Path, text: &str) -> Self {
        let kubeconfig = directory.join("kubeconfig");
        std::fs::write(&kubeconfig, text).unwrap();
        let [http, spill, dns, admin] = std::array::from_fn(|_| backend::refusing());
        let child = Command::new(env!("CARGO_BIN_EXE_region-gateway"))
            .args(["--region", "first", "--member", "first-1", "--kubeconfig"])
            .arg(kubeconfig)
            .arg("--snapshot-dir")
            .arg(directory)
            .args([format!("--http={http}"), format!("--spill={spill}")])
            .args([format!("--dns={dns}"), format!("--admin={admin}"), "--lame-duck-seconds=2".to_owned()])
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, http, admin }
    }

    async fn readiness(&self) -> Option<StatusCode> {
        TcpStream::connect(self.admin).await.ok()?;
        Some(http1(self.admin, get("/readyz")).await.status())
    }

    async fn has_readiness(&self, expected: StatusCode) {
        eventually("/readyz", PATIENCE, || self.readiness(), |seen| *seen == Some(expected)).await;
    }
}

#[tokio::test]
async fn a_restart_without_the_api_server_serves_as_before_and_ends_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let snapshots = SnapshotDir::open(directory.path()).unwrap();
    snapshots.save(&one_route("first", &[backend.address])).unwrap();

    let mut program = Program::start(directory.path());
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(http1(program.http, get("/api/x")).await.body(), "here");

    let address = program.http;
    let health = || async { http1(address, get("/.well-known/spillway/healthz")).await.status() };
    assert_eq!(health().await, StatusCode::OK);
    let request = tokio::spawn(async move { http1(address, get("/api/slow/600")).await });
    eventually("in flight", PATIENCE, || async { backend.served() }, |served| *served == 2).await;
    let pid = i32::try_from(program.child.id().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
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
    let program = Program::start(directory.path());
    program.has_readiness(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(http1(program.http, get("/api/x")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_does_not_end_what_the_snapshot_can_serve() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let snapshots = SnapshotDir::open(directory.path()).unwrap();
    snapshots.save(&one_route("first", &[backend.address])).unwrap();
    let program = Program::start_with(directory.path(), "this is no kubeconfig");
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(http1(program.http, get("/api/x")).await.body(), "here");
}
