//! What of a file is wrong: every fault at once, each with its line, its field and what is allowed there.
//!
//! First the shape, by the schema of the types (so that the schema that editors use and this check never
//! differ), then what no schema says: names that must be defined elsewhere in the file.

mod meaning;
mod shape;

use std::fmt;

use super::GatewayFile;
use super::node::{Node, Step};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// The field, such as `routes[2].backend`; empty for the document.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(formatter, "line {}: {}", self.line, self.message),
            field => write!(formatter, "line {}: {field}: {}", self.line, self.message),
        }
    }
}

/// Reads a file's text.
pub fn parse(text: &str) -> Result<GatewayFile, Vec<Fault>> {
    // An empty document is no map; the smallest file is one that says nothing.
    let tree: Node = serde_saphyr::from_str(text).map_err(|error| vec![syntax(&error)])?;
    let faults = shape::faults(&tree);
    if !faults.is_empty() {
        return Err(faults);
    }
    let file: GatewayFile = serde_saphyr::from_str(text).map_err(|error| vec![syntax(&error)])?;
    let faults = meaning::faults(&file, &tree);
    if faults.is_empty() { Ok(file) } else { Err(faults) }
}

/// Gives faults that were found in other files the line of the field that names them.
pub(super) fn located(text: &str, mut faults: Vec<Fault>) -> Vec<Fault> {
    if let Ok(tree) = serde_saphyr::from_str::<Node>(text) {
        for fault in faults.iter_mut().filter(|fault| fault.line == 0) {
            fault.line = tree.nearest(&steps_of(&fault.field)).line;
        }
    }
    faults
}

/// The other way round than [`text_of`], for fields without dots in their names.
fn steps_of(field: &str) -> Vec<Step> {
    let parts = field.split(['.', '[']).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
            Some(index) => Step::Index(index),
            None => Step::Field(part.to_owned()),
        })
        .collect()
}

/// What the parser says, with its place said once.
fn syntax(error: &serde_saphyr::Error) -> Fault {
    let error = error.without_snippet();
    let line = error.location().map_or(1, |location| location.line());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message).trim().to_owned();
    Fault { line, field: String::new(), message }
}

fn text_of(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.extend([".", name]),
            Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
        }
    }
    text
}

#[cfg(test)]
mod tests;
