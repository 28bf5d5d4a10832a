//! An API server that comes back without its data.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::api_server::{ApiServer, kubeconfig};
use crate::support::client::{get, http1};
use crate::support::program::{PATIENCE, Program};
use crate::support::{Backend, HOST, eventually};

/// What a gateway watches: Ingresses, Services and their slices, priorities, peers, its own identity, classes.
const KINDS: usize = 7;

fn objects(backend: &Backend, names: &[&str]) -> Value {
    let ingress = |name: &&str| {
        json!({
            "metadata": {"namespace": "web", "name": name, "resourceVersion": "1"},
            "spec": {"ingressClassName": "spillway", "rules": [{"host": HOST, "http": {"paths": [
                {"path": format!("/api/{name}"), "pathType": "Prefix", "backend": {"service": {"name": "api", "port": {"number": 80}}}},
            ]}}]},
        })
    };
    json!({
        "ingresses": names.iter().map(ingress).collect::<Vec<_>>(),
        "services": [{
            "metadata": {"namespace": "web", "name": "api", "resourceVersion": "1"},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }],
        "endpointslices": [{
            "metadata": {"namespace": "web", "name": "api-1", "resourceVersion": "1", "labels": {"kubernetes.io/service-name": "api"}},
            "addressType": "FQDN",
            "ports": [{"name": "http", "port": backend.address.port()}],
            "endpoints": [{"addresses": [backend.address.ip().to_string()]}],
        }],
    })
}

async fn status(program: &Program, path: &str) -> StatusCode {
    http1(program.http, get(path)).await.status()
}

async fn held(program: &Program, expected: u64) {
    eventually("held", PATIENCE, || program.metric("config_held"), |seen| *seen == Some(expected)).await;
}

#[tokio::test]
async fn what_is_missing_after_a_new_list_is_not_believed_and_what_is_deleted_by_name_is() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let full = objects(&backend, &["a", "b", "c"]);
    let server = ApiServer::start(full.clone()).await;
    let program = Program::with_kubeconfig(directory.path(), &kubeconfig(server.address));
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(status(&program, "/api/a").await, StatusCode::OK);

    server.restore(json!({}));
    held(&program, 1).await;
    assert_eq!(status(&program, "/api/a").await, StatusCode::OK, "it serves what it had");
    let shown = program.debug_config().await;
    let message = shown["loaded"]["held"]["message"].as_str().unwrap();
    assert!(message.starts_with("API server: it would leave 0 of 3 routes"), "{message}");

    server.restore(full);
    held(&program, 0).await;
    // Kinds list anew one by one; while one has not, what is missing may still be missing by mistake.
    eventually("watches", PATIENCE, async || server.watches(), |seen| *seen == KINDS).await;
    for name in ["a", "b", "c"] {
        server.delete("ingresses", name);
        let path = format!("/api/{name}");
        eventually(&path, PATIENCE, || status(&program, &path), |seen| *seen == StatusCode::NOT_FOUND).await;
    }
    assert_eq!(program.metric("config_held").await, Some(0));
}

#[tokio::test]
async fn a_mass_removal_that_is_meant_is_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let server = ApiServer::start(objects(&backend, &["a", "b", "c"])).await;
    let program = Program::with_kubeconfig(directory.path(), &kubeconfig(server.address));
    program.has_readiness(StatusCode::OK).await;
    server.restore(objects(&backend, &["a"]));
    held(&program, 1).await;
    assert_eq!(status(&program, "/api/c").await, StatusCode::OK);
    assert_eq!(program.confirm().await, StatusCode::OK);
    assert_eq!(status(&program, "/api/c").await, StatusCode::NOT_FOUND);
    assert_eq!(status(&program, "/api/a").await, StatusCode::OK);
}
