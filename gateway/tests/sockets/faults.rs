//! What a machine can do to a gateway: no file descriptors left, a full disk, a wall clock that jumps.

use std::path::{Path, PathBuf};

use http::StatusCode;
use hyper_util::rt::TokioIo;
use region_gateway::config::snapshot::SnapshotDir;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::api_server::{ApiServer, kubeconfig};
use crate::support::client::{collect, get, http1};
use crate::support::program::{PATIENCE, Program, bounded_command};
use crate::support::{Backend, HOST, backend, eventually, one_route};

/// More clients than descriptors: those that are in are served, the others wait, and are served when there is room.
#[tokio::test]
async fn without_file_descriptors_it_serves_whom_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let [http, admin] = std::array::from_fn(|_| backend::refusing());
    let file = directory.path().join("gateway.yaml");
    let text = format!(
        "listen: {{http: '{http}', admin: '{admin}'}}\nbackends: {{main: {{endpoints: ['{}']}}}}\n\
         routes: [{{name: a, host: {HOST}, backend: main}}]\n",
        backend.address
    );
    std::fs::write(&file, text).unwrap();
    let mut command = bounded_command("ulimit -n 64");
    command.arg("--config").arg(file);
    let program = Program::spawn(command, directory.path(), http, admin);
    program.has_readiness(StatusCode::OK).await;

    let stream = TcpStream::connect(http).await.unwrap();
    let (mut kept, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(collect(kept.send_request(get("/api/x")).await.unwrap()).await.body(), "here");
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(http).await.unwrap());
    }
    let told = || async { program.log() };
    eventually("exhausted", PATIENCE, told, |log| log.contains("connections cannot be accepted")).await;
    for _ in 0..20 {
        kept.ready().await.unwrap();
        let answer = collect(kept.send_request(get("/api/x")).await.unwrap()).await;
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "here"));
    }
    drop(crowd);
    let asked = tokio::time::timeout(PATIENCE, http1(http, get("/api/x")));
    assert_eq!(asked.await.expect("there is room again").body(), "here");
    assert!(program.metric_sum("accept_failures_total").await > 0);
}

fn objects(backend: &Backend, routes: usize) -> Value {
    let ingress = |number: usize| {
        json!({
            "metadata": {"namespace": "web", "name": format!("an-ingress-with-quite-a-long-name-{number}"),
                "resourceVersion": "1"},
            "spec": {"ingressClassName": "spillway", "rules": [{"host": HOST, "http": {"paths": [
                {"path": format!("/api/{number}"), "pathType": "Prefix",
                    "backend": {"service": {"name": "shop", "port": {"number": 80}}}}]}}]},
        })
    };
    json!({
        "ingresses": (0..routes).map(ingress).collect::<Vec<_>>(),
        "services": [{"metadata": {"namespace": "web", "name": "shop", "resourceVersion": "1"},
            "spec": {"ports": [{"port": 80}]}}],
        "endpointslices": [{
            "metadata": {"namespace": "web", "name": "shop-1", "resourceVersion": "1",
                "labels": {"kubernetes.io/service-name": "shop"}},
            "addressType": "IPv4", "ports": [{"port": backend.address.port()}],
            "endpoints": [{"addresses": [backend.address.ip()]}],
        }],
    })
}

/// Files may have 64 KiB, and the snapshot needs more: as on a disk that is full, it cannot be written. What was
/// there stays whole, requests are served, and each attempt is counted.
#[tokio::test]
async fn a_full_disk_under_the_snapshot_costs_only_the_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let before = one_route("first", &[backend.address]);
    let snapshots = SnapshotDir::open(directory.path()).unwrap();
    snapshots.save(&before).unwrap();
    let server = ApiServer::start(objects(&backend, 400)).await;
    let command = bounded_command("trap '' XFSZ; ulimit -f 128");
    let program = Program::start_with_kubeconfig(command, directory.path(), &kubeconfig(server.address), &[]);
    let asked = || async {
        TcpStream::connect(program.http).await.ok()?;
        Some(http1(program.http, get("/api/399")).await.status())
    };
    eventually("the new routes", PATIENCE, asked, |status| *status == Some(StatusCode::OK)).await;
    let failures = || async { program.metric("snapshot_failures_total").await };
    eventually("two attempts", PATIENCE, failures, |count| count.is_some_and(|count| count >= 2)).await;
    assert_eq!(http1(program.http, get("/api/399")).await.status(), StatusCode::OK);
    assert_eq!(snapshots.load(&before).unwrap().unwrap().routes, before.routes, "the one before is whole");
    let told = program.log().matches("snapshot not written").count();
    assert_eq!(told, 1, "said once: {}", program.log());
}

/// A wall clock that jumps can move no traffic: where requests and verdicts are handled, nobody reads it, but to
/// say once where the other clock begins. (Certificates are valid by the wall clock; there is no other way.)
#[test]
fn the_wall_clock_decides_nothing() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<PathBuf> =
        ["traffic", "serve", "dns", "spill", "mtls", "proxy/upstream"].map(|room| source.join(room)).into();
    let mut read = 0;
    while let Some(file) = files.pop() {
        if file.is_dir() {
            files.extend(std::fs::read_dir(file).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        read += 1;
        let text = std::fs::read_to_string(&file).unwrap();
        let wall = ["SystemTime", "Timestamp::now", "Utc::now"].iter().any(|clock| text.contains(clock));
        assert_eq!(wall, file.ends_with("traffic/clock.rs"), "{}", file.display());
    }
    assert!(read > 20, "{read} files");
}
