//! The documents say what is so: every page of the repository is read, and what it names is looked up where it is defined.
//!
//! | what a page has | checked against | how |
//! |---|---|---|
//! | relative links and anchors | the files, and the headings of pages | [`links`] |
//! | pages below `docs/` | links from README.md, over other pages | [`links`] |
//! | `make TARGET VARIABLE=…` | the Makefile | [`commands`] |
//! | `kubectl spillway …` in a block | the program's command line, arguments and all | [`commands`] |
//! | `kubectl spillway …` in a sentence | its subcommands and flags | [`commands`] |
//! | `region-gateway …`, `spillway-controller …` | the same of those programs | [`commands`] |
//! | a flag that stands alone in a sentence | the flags of all three, and a list of others' | [`commands`] |
//! | `helm … --set`, `-f` and YAML of values | the chart: rendered by Helm, which refuses by values.schema.json | [`values`] |
//! | a value in a sentence (`member.exposure`) | values.schema.json | [`values`] |
//! | YAML with a kind, there and in `examples/` | a real API server, a dry run, strict | [`objects`] |
//! | YAML of a gateway's file | the gateway's own check | [`objects`] |
//! | names of metrics, there, in alerts and dashboards | the words of the code that makes metrics | [`names`] |
//! | names of alerts | `files/alerts.yaml` of the chart | [`names`] |
//! | what a user sees (headings of troubleshooting.md) | the texts in the code | [`names`] |
//!
//! Not checked: addresses outside the repository, flags of `world`, the benchmarks and other people's programs, figures, and
//! whether what a sentence claims is true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod commands;
mod links;
mod names;
mod objects;
mod page;
mod values;

use page::Page;

/// Fails with all complaints at once, each with its page and line.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} in the documents:\n{}", complaints.len(), complaints.join("\n"));
}

/// What was looked at must be there: a check that finds nothing to check is no check.
fn seen(what: &str, count: usize, least: usize) {
    assert!(count >= least, "only {count} {what} were found in the documents, {least} or more were expected");
    println!("{count} {what}");
}
