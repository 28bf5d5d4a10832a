//! The harness on small maps: that every map and the hub can be run, and what the figures look like. Not how fast
//! anything is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

const ROWS: u64 = 10_000;
const MAPS: [&str; 8] = ["spillway", "std", "hashbrown", "griddle", "papaya", "scc", "dashmap", "btreemap"];

fn bench(out: &Path, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway-bench-placement"));
    let page = out.join("page.md");
    command.args(["--quick", "--sizes", "10000", "--out"]).arg(out).arg("--docs").arg(page).args(args);
    command.output().unwrap()
}

fn rows(out: &Path, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(out.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str::<Vec<Value>>(&text).unwrap()
}

fn names(rows: &[Value]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["map"].as_str().unwrap()).collect()
}

fn assert_positive(row: &Value, keys: &[&str]) {
    for key in keys {
        assert!(row[key].as_f64().is_some_and(|value| value > 0.0), "{key} of {row}");
    }
}

#[test]
fn a_quick_run_measures_every_map_and_says_so() {
    let out = tempfile::tempdir().unwrap();
    let output = bench(out.path(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let judged = rows(out.path(), "placement.json");
    let mut missing: BTreeSet<_> = MAPS.into();
    missing.retain(|map| !names(&judged).contains(map));
    assert!(missing.is_empty(), "no figures for {missing:?}");
    for row in &judged {
        assert_eq!(row["entries"].as_u64(), Some(ROWS));
        assert_positive(
            row,
            &["insert_max_us", "insert_p9999_us", "insert_mops", "get_random_mops", "get_mops", "rss_mb"],
        );
    }
    assert_eq!(names(&judged).len(), judged.len(), "one row a map and size");

    let all = rows(out.path(), "placement-all.json");
    assert_eq!(all.len(), 3 * judged.len(), "random order and a warm allocator beside it");
    let hub = rows(out.path(), "placement-hub.json");
    assert_eq!(names(&hub), ["spillway", "std"].into());
    for row in &hub {
        assert_positive(row, &["p50_us", "p99_us", "p999_us", "max_us", "reconciles"]);
    }

    let page = fs::read_to_string(out.path().join("page.md")).unwrap();
    assert!(page.contains("| btreemap |"), "{page}");
    assert!(fs::read_to_string(out.path().join("page.svg")).unwrap().contains("</svg>"));
    assert!(!out.path().join("work").exists(), "sequences are left behind");
}

#[test]
fn only_the_maps_that_are_asked_for() {
    let out = tempfile::tempdir().unwrap();
    let output = bench(out.path(), &["--maps", "std,scc", "--no-hub", "--runs", "1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&rows(out.path(), "placement.json")), ["scc", "std"].into());
}

#[test]
fn a_map_that_is_not_known_is_an_error_that_says_what_is_allowed() {
    let out = tempfile::tempdir().unwrap();
    let output = bench(out.path(), &["--maps", "judy"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("judy") && said.contains("btreemap"), "{said}");
}
