//! The Helm chart, as the tests and the documents need it.
//!
//! - [`helm`]: the program, compiled from its Go module
//! - [`values`]: the table of values, from the schema
//! - [`tables`]: the tables of permissions
//! - [`documents`]: what is written from them, and whether it is fresh

pub mod documents;
pub mod helm;
mod tables;
mod values;

use std::path::{Path, PathBuf};

/// Where the repository is.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the chart is.
#[must_use]
pub fn directory() -> PathBuf {
    root().join("charts/spillway")
}
