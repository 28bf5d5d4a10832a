//! The definitions as YAML files, for `kubectl apply` and the chart. The types are the source; the files
//! are checked in so that a change of the API is seen in review.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::definitions;

/// What makes the files new.
pub const COMMAND: &str = "make crds";

/// Writes one file a kind into `dir`.
pub fn write(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    definitions().iter().map(|definition| write_one(dir, definition)).collect()
}

/// The files in `dir` that are not what the types say, or not there.
pub fn stale(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for definition in definitions() {
        let path = path(dir, &definition);
        if fs::read_to_string(&path).ok().as_deref() != Some(text(&definition)?.as_str()) {
            stale.push(path);
        }
    }
    Ok(stale)
}

fn write_one(dir: &Path, definition: &CustomResourceDefinition) -> io::Result<PathBuf> {
    let path = path(dir, definition);
    fs::write(&path, text(definition)?)?;
    Ok(path)
}

fn path(dir: &Path, definition: &CustomResourceDefinition) -> PathBuf {
    dir.join(format!("{}.yaml", definition.spec.names.plural))
}

/// Through a JSON value, so that keys are in the order of their names whatever serde does.
fn text(definition: &CustomResourceDefinition) -> io::Result<String> {
    let mut value = serde_json::to_value(definition)?;
    drop_empty_fractions(&mut value);
    let body = serde_saphyr::to_string(&value).map_err(io::Error::other)?;
    Ok(format!("# Generated from the types in crds/src by `{COMMAND}`. Do not edit.\n{body}"))
}

/// `maximum: 64`, not `64.0`: bounds are floats in the definition's type, and whole in our schemas.
fn drop_empty_fractions(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(drop_empty_fractions),
        Value::Array(list) => list.iter_mut().for_each(drop_empty_fractions),
        Value::Number(number) => {
            if let Some(whole) =
                number.to_string().strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok())
            {
                *number = whole.into();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{COMMAND, CustomResourceDefinition, stale, text};
    use crate::definitions;

    #[test]
    fn checked_in_files_are_what_the_types_say() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
        let stale = stale(&dir).unwrap();
        assert!(stale.is_empty(), "stale: {stale:?}; run `{COMMAND}`");
    }

    #[test]
    fn yaml_reads_back_as_the_same_definition() {
        for definition in definitions() {
            let read: CustomResourceDefinition = serde_saphyr::from_str(&text(&definition).unwrap()).unwrap();
            assert_eq!(read, definition);
        }
    }
}
