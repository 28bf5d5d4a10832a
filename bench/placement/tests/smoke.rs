//! The harness on small maps: that every map and the hub can be run, and what the figures look like. Not how fast
//! anything is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

const ROWS: u64 = 10_000;
const MAPS: [&str; 8] = ["spillway", "std", "hashbrown", "griddle", "papaya", "scc", "dashmap", "btreemap"];

fn bench(out: &Path, args: &[&str]) -> std::process::Output {
    quick(out, &[&["--sizes", "10000"], args].concat())
}

fn quick(out: &Path, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway-bench-placement"));
    let page = out.join("page.md");
    command.args(["--quick", "--out"]).arg(out).arg("--docs").arg(page).args(args);
    command.output().unwrap()
}

fn succeeds(output: &std::process::Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
    succeeds(&output);

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

    let by_name = rows(out.path(), "placement-names.json");
    assert_eq!(names(&by_name), ["spillway", "hashbrown"].into());
    for row in &by_name {
        assert_positive(row, &["entries", "runs", "get_ns"]);
    }

    let page = fs::read_to_string(out.path().join("page.md")).unwrap();
    assert!(page.contains("| btreemap |") && page.contains("`rows_of_object`"), "{page}");
    assert!(!page.contains("Not measured."), "{page}");
    assert!(fs::read_to_string(out.path().join("page.svg")).unwrap().contains("</svg>"));
    assert!(!out.path().join("work").exists(), "sequences are left behind");
}

/// What a run leaves out stays as it was, and each part says when it was measured.
#[test]
fn the_hub_and_the_rest_can_be_measured_apart() {
    let out = tempfile::tempdir().unwrap();
    let read = |file: &str| fs::read_to_string(out.path().join(file)).unwrap();
    let without_hub = ["--maps", "std", "--no-hub", "--runs", "1"];
    succeeds(&bench(out.path(), &without_hub));
    assert!(rows(out.path(), "placement-hub.json").is_empty());
    let page = read("page.md");
    assert!(page.contains("while it is fed\n\nNot measured."), "{page}");

    let (figures, setting) = (read("placement-all.json"), read("placement-setting.json"));
    succeeds(&quick(out.path(), &["--only-hub", "--runs", "1"]));
    assert_eq!((figures, setting), (read("placement-all.json"), read("placement-setting.json")));
    let hub = rows(out.path(), "placement-hub.json");
    assert_eq!(names(&hub), ["spillway", "std"].into());
    for row in &hub {
        assert_eq!(row["runs"].as_u64(), Some(1));
        assert!(row["date"].as_str().is_some_and(|date| date.ends_with('Z')), "{row}");
    }
    assert!(!out.path().join("work").exists(), "the folder of sequences is left behind");

    succeeds(&bench(out.path(), &without_hub));
    assert_eq!(rows(out.path(), "placement-hub.json"), hub);
    assert!(!read("page.md").contains("while it is fed\n\nNot measured."), "{}", read("page.md"));
}

#[test]
fn only_the_maps_that_are_asked_for() {
    let out = tempfile::tempdir().unwrap();
    let output = bench(out.path(), &["--maps", "std,scc", "--no-hub", "--runs", "1"]);
    succeeds(&output);
    assert_eq!(names(&rows(out.path(), "placement.json")), ["scc", "std"].into());
}

#[test]
fn a_map_that_is_not_known_is_an_error_that_says_what_is_allowed() {
    let out = tempfile::tempdir().unwrap();
    let output = bench(out.path(), &["--maps", "judy"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("judy") && said.contains("btreemap"), "{said}");
}
