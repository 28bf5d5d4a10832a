//! The tables: a good object of each kind, and changes of it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// One row: a change of a good object, and what the API server must say of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    what: String,
    pub(crate) kind: String,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    /// Parts of the refusal. None: the object must be taken.
    #[serde(default)]
    pub(crate) says: Vec<String>,
}

/// Good objects by their kind, and changes of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Table {
    pub(crate) objects: BTreeMap<String, Value>,
    pub(crate) changes: Vec<Case>,
}

pub(crate) fn good() -> Result<Table> {
    serde_saphyr::from_str(include_str!("good.yaml")).context("good.yaml")
}

pub(crate) fn bad() -> Result<Vec<Case>> {
    serde_saphyr::from_str(include_str!("bad.yaml")).context("bad.yaml")
}

pub(crate) fn updates() -> Result<Table> {
    serde_saphyr::from_str(include_str!("updates.yaml")).context("updates.yaml")
}

impl Case {
    /// The good object of `kind` as it is.
    pub(crate) fn plain(kind: &str) -> Self {
        Self { what: "as it is".into(), kind: kind.into(), ..Self::default() }
    }

    /// The good object of the row's kind, changed.
    pub(crate) fn object(&self, objects: &BTreeMap<String, Value>) -> Result<Value> {
        let mut object = objects.get(&self.kind).with_context(|| format!("{self}: no such kind"))?.clone();
        self.change(&mut object).with_context(|| self.to_string())?;
        Ok(object)
    }

    /// Changes an object as the row says.
    pub(crate) fn change(&self, object: &mut Value) -> Result<()> {
        for pointer in &self.remove {
            let (parent, key) = pointer.rsplit_once('/').context("a pointer starts with /")?;
            let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
            parent.and_then(|parent| parent.remove(key)).with_context(|| format!("nothing at {pointer}"))?;
        }
        for (pointer, value) in &self.set {
            *place(object, pointer).with_context(|| format!("no place {pointer}"))? = value.clone();
        }
        Ok(())
    }

    /// What is wrong with what the API server said, if anything is.
    pub(crate) fn complaint(&self, outcome: Result<(), String>) -> Option<String> {
        match outcome {
            Ok(()) if self.says.is_empty() => None,
            Ok(()) => Some(format!("{self}: taken")),
            Err(refusal) if self.says.is_empty() => Some(format!("{self}: refused: {refusal}")),
            Err(refusal) => {
                let missing = self.says.iter().find(|part| !refusal.contains(part.as_str()))?;
                Some(format!("{self}: refused without a word of {missing:?}: {refusal}"))
            }
        }
    }
}

/// The place that `pointer` leads to; objects on the way are made where they are missing.
fn place<'a>(object: &'a mut Value, pointer: &str) -> Option<&'a mut Value> {
    pointer.split('/').skip(1).try_fold(object, |place, key| match place {
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        Value::Null => {
            *place = Value::Object(serde_json::Map::new());
            Some(&mut place[key])
        }
        Value::Object(_) => Some(&mut place[key]),
        _ => None,
    })
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.kind, self.what)
    }
}
