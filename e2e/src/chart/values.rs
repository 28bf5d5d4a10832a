//! The table of the chart's values: what each means from the schema, its default from values.yaml. Neither may name
//! what the other does not.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// One value.
struct Entry {
    path: String,
    meaning: String,
    allowed: String,
    default: String,
}

/// The table, in Markdown.
pub(super) fn table(schema: &str, values: &str) -> Result<String> {
    let schema: Value = serde_json::from_str(schema)?;
    let values: Value = serde_saphyr::from_str(values)?;
    let mut entries = Vec::new();
    collect("", &schema, &values, &mut entries)?;
    let mut text = String::from("| value | default | what it means |\n|---|---|---|\n");
    for Entry { path, meaning, allowed, default } in entries {
        let _ = writeln!(text, "| `{path}` | {default} | {meaning}{allowed} |");
    }
    Ok(text)
}

fn collect(path: &str, schema: &Value, values: &Value, entries: &mut Vec<Entry>) -> Result<()> {
    let known = schema["properties"].as_object().with_context(|| format!("{path}: no properties"))?;
    let given = values.as_object().with_context(|| format!("values.yaml: {path} is no map"))?;
    for name in given.keys() {
        ensure!(known.contains_key(name), "values.yaml has {path}{name}, and the schema does not");
    }
    for (name, about) in known.iter().filter(|(name, _)| !path.is_empty() || *name != "global") {
        let path = format!("{path}{name}");
        let meaning = about["description"].as_str().with_context(|| format!("{path} is not described"))?;
        let default = given.get(name);
        if about.get("properties").is_some() && !is_optional(default) {
            collect(&format!("{path}."), about, default.unwrap_or(&Value::Null), entries)?;
            continue;
        }
        let default = default.with_context(|| format!("{path} has no default in values.yaml"))?;
        let (meaning, default) = (meaning.to_owned(), format!("`{default}`"));
        entries.push(Entry { path, meaning, allowed: allowed(about), default });
    }
    Ok(())
}

/// A map that is empty unless somebody fills it.
fn is_optional(default: Option<&Value>) -> bool {
    default.and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
}

fn allowed(about: &Value) -> String {
    if let Some(words) = about["enum"].as_array() {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return format!(" One of {}.", words.join(", "));
    }
    match (&about["minimum"], &about["maximum"]) {
        (Value::Number(low), Value::Number(high)) => format!(" {low} to {high}."),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"properties": {"a": {"description": "Of a.", "properties": {
        "b": {"description": "B.", "minimum": 1, "maximum": 3}, "c": {"description": "C.", "enum": ["x", "y"]}}}}}"#;

    #[test]
    fn every_value_is_a_row() {
        let text = table(SCHEMA, "a: {b: 2, c: x}").unwrap();
        assert!(text.contains("| `a.b` | `2` | B. 1 to 3. |"), "{text}");
        assert!(text.contains("| `a.c` | `\"x\"` | C. One of `x`, `y`. |"), "{text}");
    }

    #[test]
    fn what_only_one_of_them_has_is_an_error() {
        for (values, says) in
            [("a: {b: 2, c: x, d: 1}", "values.yaml has a.d"), ("a: {b: 2}", "a.c has no default")]
        {
            let error = table(SCHEMA, values).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
