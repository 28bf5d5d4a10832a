//! The invariants of ARCHITECTURE.md that a machine can check: who may depend on whom, and what the
//! pure rooms may not know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each room may use of the other rooms. A room that is missing here is a room without a place.
const ARROWS: &[(&str, &[&str])] = &[
    ("spillway-crds", &[]),
    ("spillway-decide", &[]),
    ("spillway-identity", &[]),
    ("spillway-placement", &[]),
    ("spillway-controller", &["spillway-crds", "spillway-decide", "spillway-identity", "spillway-placement"]),
    ("region-gateway", &["spillway-crds", "spillway-decide", "spillway-identity", "spillway-placement"]),
    ("kubectl-spillway", &["spillway-crds", "spillway-decide", "spillway-identity", "spillway-placement"]),
    ("spillway-bench-placement", &["spillway-decide", "spillway-placement"]),
    ("spillway-bench-gateway", &[]),
    ("spillway-e2e", &["spillway-crds", "spillway-decide", "spillway-placement"]),
    ("spillway-detection", &["spillway-decide"]),
    ("spillway-sim", &["spillway-decide", "spillway-detection"]),
];

/// Words that would let a clock, a client, a runtime or chance into `decide`.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::env",
    "std::net::Tcp",
    "std::fs",
    "async fn",
];

/// Crates that `decide` and `placement` must not even be able to name.
const IMPURE_CRATES: &[&str] = &["tokio", "kube", "k8s-openapi", "hyper", "rand", "reqwest", "axum"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (name(package), used_in_production(package))).collect()
}

fn name(value: &serde_json::Value) -> String {
    value["name"].as_str().unwrap().to_owned()
}

fn used_in_production(package: &serde_json::Value) -> Vec<String> {
    let all = package["dependencies"].as_array().unwrap();
    all.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect()
}

#[test]
fn rooms_use_only_the_rooms_that_the_map_allows() {
    let dependencies = dependencies();
    let rooms: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    for (room, uses) in &dependencies {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(name, _)| name == room)
            .unwrap_or_else(|| panic!("the crate {room} has no place in ARROWS and in ARCHITECTURE.md"));
        let forbidden: Vec<_> = uses
            .iter()
            .filter(|used| rooms.contains(&used.as_str()) && !allowed.contains(&used.as_str()))
            .collect();
        assert!(forbidden.is_empty(), "{room} uses {forbidden:?}; ARCHITECTURE.md allows {allowed:?}");
    }
    assert_eq!(dependencies.len(), rooms.len(), "a room of ARROWS is not in the workspace: {dependencies:?}");
}

#[test]
fn the_deciding_rooms_cannot_see_a_runtime() {
    let dependencies = dependencies();
    for room in ["spillway-decide", "spillway-placement"] {
        let seen: Vec<_> =
            dependencies[room].iter().filter(|used| IMPURE_CRATES.contains(&used.as_str())).collect();
        assert!(seen.is_empty(), "{room} must stay pure but uses {seen:?}");
    }
}

#[test]
fn decide_has_no_clock_no_client_and_no_environment() {
    for (file, line, text) in lines_of("decide/src") {
        let impure = IMPURE.iter().find(|word| text.contains(**word) && !text.trim_start().starts_with("//"));
        assert!(
            impure.is_none(),
            "{}:{line} has {impure:?}: time and observations are arguments",
            file.display()
        );
    }
}

/// Rule 2: every write to a cluster goes through one room. No request that writes can be made without one of these
/// types; the Lease is the exception, its crate writes it.
#[test]
fn only_the_apply_room_of_the_controller_writes_to_clusters() {
    const WRITES: &[&str] = &["PatchParams", "PostParams", "DeleteParams", "Patch::", "&Default::default()"];
    for (file, line, text) in lines_of("controller/src") {
        let write = WRITES.iter().find(|word| text.contains(**word));
        let in_apply =
            file.components().any(|part| part.as_os_str() == "apply" || part.as_os_str() == "apply.rs");
        assert!(
            write.is_none() || in_apply,
            "{}:{line} writes ({write:?}) outside controller/src/apply",
            file.display()
        );
    }
    for (file, line, text) in lines_of("gateway/src") {
        let write = WRITES.iter().find(|word| text.contains(**word));
        assert!(
            write.is_none(),
            "{}:{line} writes ({write:?}): a gateway only reads its API server",
            file.display()
        );
    }
}

/// Rule 4: cutting over touches no API server.
#[test]
fn the_traffic_loop_cannot_reach_an_api_server() {
    for (file, line, text) in lines_of("gateway/src/traffic") {
        let reaches = ["kube::", "k8s_openapi", "spillway_crds"].iter().find(|word| text.contains(**word));
        assert!(reaches.is_none(), "{}:{line} has {reaches:?}", file.display());
    }
}

/// A map that leaves a room out is no map.
#[test]
fn the_map_names_every_room() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for room in [
        "crds/",
        "placement/",
        "decide/",
        "controller/",
        "gateway/",
        "cli/",
        "e2e/",
        "bench/",
        "examples/",
        "docs/",
    ] {
        assert!(map.contains(&format!("`{room}`")), "ARCHITECTURE.md does not name `{room}`");
    }
}

fn lines_of(folder: &str) -> Vec<(PathBuf, usize, String)> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    let numbered = files.into_iter().flat_map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        production(&text)
            .lines()
            .enumerate()
            .map(|(at, line)| (file.clone(), at + 1, line.to_owned()))
            .collect::<Vec<_>>()
    });
    numbered.collect()
}

/// A file without its unit tests: they stand at its end, in a module of their own.
fn production(text: &str) -> &str {
    let tests =
        ["#[cfg(test)]\nmod ", "#[cfg(test)]\n#[path"].iter().filter_map(|begin| text.find(begin)).min();
    &text[..tests.unwrap_or(text.len())]
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
