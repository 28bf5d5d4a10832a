//! The program from a file, without Kubernetes: checked, served, changed while it serves.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::{Request, StatusCode};
use http_body_util::Full;
use nix::sys::signal::Signal;

use crate::support::client::{get, http1};
use crate::support::program::{PATIENCE, Program, command};
use crate::support::{Backend, HOST, eventually};

/// `paths` to one backend.
fn file(backend: &Backend, paths: &[&str]) -> String {
    let routes: Vec<String> = paths
        .iter()
        .map(|path| {
            let name = path.trim_matches('/').replace('/', "-");
            format!("- {{name: {name}, host: {HOST}, path: {path}, backend: main}}\n")
        })
        .collect();
    format!(
        "LISTEN\nbackends: {{main: {{endpoints: ['{}']}}}}\nroutes:\n{}",
        backend.address,
        routes.concat()
    )
}

async fn status(program: &Program, path: &str) -> StatusCode {
    http1(program.http, get(path)).await.status()
}

async fn becomes(program: &Program, path: &str, expected: StatusCode) {
    eventually(path, PATIENCE, || status(program, path), |seen| *seen == expected).await;
}

#[tokio::test]
async fn check_names_the_line_the_field_and_what_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.yaml");
    std::fs::write(&path, "routes:\n- name: shop\n  pathType: Regex\n  backend: shop\n").unwrap();
    let check = || async {
        let run = command()
            .arg("--config")
            .arg(&path)
            .arg("--check")
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap();
        (run.status.code(), String::from_utf8(run.stderr).unwrap())
    };
    let (code, told) = check().await;
    assert_eq!(code, Some(1), "{told}");
    let expected = format!(
        "{}: line 3: routes[0].pathType: \"Regex\" is not allowed; one of Prefix, Exact",
        path.display()
    );
    assert!(told.contains(&expected), "{told}");
    std::fs::write(&path, "backends: {shop: {endpoints: []}}\nroutes: [{name: shop, backend: shop}]\n")
        .unwrap();
    let (code, told) = check().await;
    assert_eq!(code, Some(0), "{told}");
}

#[tokio::test]
async fn a_file_is_served_and_what_changes_in_it_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let program = Program::with_file(directory.path(), &file(&backend, &["/api/a"]));
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(http1(program.http, get("/api/a")).await.body(), "here");
    assert_eq!(status(&program, "/api/b").await, StatusCode::NOT_FOUND);

    program.rewrite(directory.path(), &file(&backend, &["/api/a", "/api/b"]));
    becomes(&program, "/api/b", StatusCode::OK).await;
    program.rewrite(directory.path(), &file(&backend, &["/api/a", "/api/b", "/api/c"]));
    program.signal(Signal::SIGHUP);
    becomes(&program, "/api/c", StatusCode::OK).await;
    let shown = program.debug_config().await;
    assert!(shown["loaded"]["source"].as_str().unwrap().ends_with("gateway.yaml"), "{shown}");
    assert_eq!(
        (shown["generation"].as_u64(), shown["routes"].as_array().unwrap().len()),
        (Some(3), 3),
        "{shown}"
    );
    assert!(shown["loaded"]["at"].is_string(), "{shown}");
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_told_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let good = file(&backend, &["/api/a"]);
    let program = Program::with_file(directory.path(), &good);
    program.has_readiness(StatusCode::OK).await;
    for (bad, told) in [
        (
            good.replace("backend: main", "backend: mian"),
            "line 4: routes[0].backend: \"mian\" is not one of backends: main",
        ),
        (format!("{good}\nregion: other\n"), "region changed, which needs a restart"),
        (format!("{good}: :"), "line "),
    ] {
        program.rewrite(directory.path(), &bad);
        let refused = || async { program.debug_config().await["loaded"]["refused"]["message"].to_string() };
        let seen = |seen: &String| seen.contains(&told.replace('"', "\\\""));
        eventually("refused", PATIENCE, refused, seen).await;
        assert_eq!(program.metric("config_refused").await, Some(1));
        assert!(program.log().contains("config not taken"), "{}", program.log());
        assert_eq!(status(&program, "/api/a").await, StatusCode::OK);
    }
    program.rewrite(directory.path(), &good);
    eventually("well again", PATIENCE, || program.metric("config_refused"), |seen| *seen == Some(0)).await;
    assert!(program.debug_config().await["loaded"]["refused"].is_null());
}

#[tokio::test]
async fn a_file_that_loses_most_routes_waits_to_be_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let all = file(&backend, &["/api/a", "/api/b", "/api/c", "/api/d"]);
    let program = Program::with_file(directory.path(), &all);
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(program.confirm().await, StatusCode::CONFLICT, "nothing is held");

    let few = file(&backend, &["/api/a"]);
    program.rewrite(directory.path(), &few);
    eventually("held", PATIENCE, || program.metric("config_held"), |seen| *seen == Some(1)).await;
    let held = program.debug_config().await["loaded"]["held"]["message"].to_string();
    assert!(held.contains("it would leave 1 of 4 routes that can be served"), "{held}");
    assert!(program.log().contains("config held"), "{}", program.log());
    assert_eq!(status(&program, "/api/d").await, StatusCode::OK, "what is held is not served");

    program.rewrite(directory.path(), &all);
    eventually("they are back", PATIENCE, || program.metric("config_held"), |seen| *seen == Some(0)).await;
    program.rewrite(directory.path(), &few);
    eventually("held again", PATIENCE, || program.metric("config_held"), |seen| *seen == Some(1)).await;
    assert_eq!(program.confirm().await, StatusCode::OK);
    assert_eq!(status(&program, "/api/d").await, StatusCode::NOT_FOUND);
    assert_eq!(status(&program, "/api/a").await, StatusCode::OK);
    assert_eq!(program.metric("config_held").await, Some(0));
}

#[tokio::test]
async fn ten_thousand_routes_are_swapped_under_load_without_a_dropped_request() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let text = |extra: usize| {
        let many: Vec<String> = (0..10_000).map(|n| format!("/r/{extra}/{n}")).collect();
        let paths: Vec<&str> = many.iter().map(String::as_str).chain(["/api/a"]).collect();
        file(&backend, &paths)
    };
    let program = Program::with_file(directory.path(), &text(0));
    program.has_readiness(StatusCode::OK).await;
    let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, answered, address) = (Arc::clone(&stop), Arc::clone(&answered), program.http);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = Request::post("/api/echo").header("host", HOST);
                    let request = request.uri("/api/a").body(Full::from("x")).unwrap();
                    assert_eq!(http1(address, request).await.status(), StatusCode::OK);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for extra in 1..=3 {
        program.rewrite(directory.path(), &text(extra));
        becomes(&program, &format!("/r/{extra}/9999"), StatusCode::OK).await;
        assert_eq!(status(&program, &format!("/r/{}/1", extra - 1)).await, StatusCode::NOT_FOUND);
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("every request was answered 200");
    }
    assert!(answered.load(Ordering::Relaxed) > 100, "there was load: {answered:?}");
}

/// The example is complete: only its ports and the backend are exchanged for those of this machine.
#[tokio::test]
async fn the_example_works() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let example = include_str!("../../../examples/gateway.yaml");
    let start = example.find("listen:").unwrap();
    let end = start + example[start..].find("\n\n").unwrap();
    let text = format!("{}LISTEN{}", &example[..start], &example[end..]);
    let text = text.replace("127.0.0.1:8081", &backend.address.to_string());
    assert!(text.contains(&backend.address.to_string()), "{text}");
    let program = Program::with_file(directory.path(), &text);
    program.has_readiness(StatusCode::OK).await;
    let request = Request::builder().uri("/api/redirect/x").header("host", "shop.example.com");
    let answer = http1(program.http, request.body(Full::default()).unwrap()).await;
    assert_eq!(answer.headers()["location"], "http://shop.example.com/api/x?q=a%2Fb#f");
}
