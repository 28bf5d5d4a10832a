//! Names that only the code can confirm: metrics, alerts, and what a user sees when something is wrong.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use spillway_e2e::chart::{directory, root};

use super::{Page, none, seen};

/// Where metrics are made.
const METRICS: [(&str, &[&str]); 2] = [
    (
        "spillway_gateway_",
        &[
            "gateway/src/metrics",
            "gateway/src/tls/metrics.rs",
            "gateway/src/traffic/metrics.rs",
            "gateway/src/proxy/upstream/watch.rs",
        ],
    ),
    ("spillway_controller_", &["controller/src/metrics.rs", "controller/src/metrics"]),
];

/// What `OpenMetrics` and Prometheus append to a name.
const SUFFIXES: [&str; 8] =
    ["_total", "_bucket", "_sum", "_count", "_seconds", "_bytes", "_ratio", "_entries"];

#[test]
fn every_metric_is_one_of_ours() {
    let known: Vec<_> = METRICS.iter().map(|(prefix, places)| (*prefix, words(places))).collect();
    let name = Regex::new("spillway_(?:gateway|controller)_[a-z0-9_]*[a-z0-9]").unwrap();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for (place, text) in texts() {
        for found in name.find_iter(&text).map(|found| found.as_str()) {
            let (prefix, words) = known.iter().find(|(prefix, _)| found.starts_with(prefix)).unwrap();
            count += 1;
            if !is_made(&found[prefix.len()..], words) {
                complaints.push(format!("{place}: no metric {found} is made"));
            }
        }
    }
    let (_, gateways) = &known[0];
    for bare in bare_names() {
        count += 1;
        if !is_made(&bare, gateways) {
            complaints.push(format!("docs/observability.md: no metric {bare} is made"));
        }
    }
    none(&complaints);
    seen("names of metrics", count, 60);
}

#[test]
fn every_alert_is_one_of_the_charts() {
    let alerts = std::fs::read_to_string(directory().join("files/alerts.yaml")).unwrap();
    let name = Regex::new(r"\bSpillway[A-Z][A-Za-z]+\b").unwrap();
    let mut complaints = Vec::new();
    for page in Page::all() {
        for span in
            page.spans.iter().filter(|span| name.find(&span.it).is_some_and(|all| all.as_str() == span.it))
        {
            if !alerts.contains(&format!("alert: {}\n", span.it)) {
                complaints.push(format!("{span}: no alert {}", span.it));
            }
        }
    }
    none(&complaints);
}

/// Headings of troubleshooting.md quote what is seen; `…` stands for what differs.
#[test]
fn every_symptom_is_in_the_code() {
    let mut code = String::new();
    for room in std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()) {
        let source = room.join("src");
        if source.is_dir() && !room.ends_with("e2e") {
            visit(&source, &mut |text: &str| code.push_str(text));
        }
    }
    let code = Regex::new(r"\\\n\s*").unwrap().replace_all(&code, "").replace("\\\"", "\"");
    let page = Page::all().into_iter().find(|page| page.path == "docs/troubleshooting.md").unwrap();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for heading in &page.headings {
        for quoted in &heading.it {
            count += 1;
            let missing = quoted.split('…').map(str::trim).find(|part| !code.contains(part));
            complaints.extend(missing.map(|part| format!("{heading}: the code says {part:?} nowhere")));
        }
    }
    none(&complaints);
    seen("quoted symptoms", count, 15);
}

fn is_made(name: &str, words: &BTreeSet<String>) -> bool {
    words.contains(name)
        || SUFFIXES
            .iter()
            .filter_map(|suffix| name.strip_suffix(suffix))
            .any(|shorter| is_made(shorter, words))
}

/// Every word in quotes of the code that makes metrics. Labels are among them: nobody takes one for a metric.
fn words(places: &[&str]) -> BTreeSet<String> {
    let word = Regex::new(r#""([a-z][a-z0-9_]*)""#).unwrap();
    let mut words = BTreeSet::new();
    for place in places {
        visit(&root().join(place), &mut |text: &str| {
            words.extend(word.captures_iter(text).map(|found| found[1].to_owned()));
        });
    }
    words
}

/// Pages, alerts and dashboards.
fn texts() -> Vec<(String, String)> {
    let pages = Page::all().into_iter().map(|page| page.path);
    let files =
        ["files/alerts.yaml", "files/dashboards/spillway.json"].map(|file| format!("charts/spillway/{file}"));
    let read = |path: String| (path.clone(), std::fs::read_to_string(root().join(path)).unwrap());
    pages.chain(files).map(read).collect()
}

/// observability.md names a gateway's metrics in a table, without what they all begin with.
fn bare_names() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/observability.md")).unwrap();
    let chapter = text.split("\n## Metrics\n").nth(1).unwrap();
    let rows = chapter.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn visit(place: &Path, with: &mut impl FnMut(&str)) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            visit(&entry.unwrap().path(), with);
        }
    } else {
        with(&std::fs::read_to_string(place).unwrap());
    }
}
