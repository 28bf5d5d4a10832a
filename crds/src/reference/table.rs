//! One part of a kind as a table: a row for each field, however deep.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use super::properties;

const CONDITIONS: &str =
    "https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/#condition-v1-meta";

/// The table of all fields of this object.
pub(super) fn of(schema: &JSONSchemaProps) -> String {
    let mut text = String::from("| field | type | default | allowed | meaning |\n|---|---|---|---|---|\n");
    rows(&mut text, "", schema);
    text
}

/// What the rules of this object say when they are broken.
pub(super) fn rules(schema: &JSONSchemaProps) -> Vec<String> {
    let rules = schema.x_kubernetes_validations.iter().flatten();
    rules.filter_map(|rule| rule.message.clone()).map(|message| cell(&message)).collect()
}

fn rows(text: &mut String, path: &str, parent: &JSONSchemaProps) {
    for (name, schema) in properties(parent) {
        let path = format!("{path}{name}");
        let required = parent.required.iter().flatten().any(|needed| needed == name);
        let about = cell(schema.description.as_deref().unwrap_or_default());
        let cells = [kind(schema), default(schema, required), allowed(schema), about];
        let cells: String = cells
            .iter()
            .map(|cell| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") })
            .collect();
        let _ = writeln!(text, "| `{path}` |{cells}");
        if !is_conditions(schema) {
            below(text, &path, schema);
        }
    }
}

fn below(text: &mut String, path: &str, schema: &JSONSchemaProps) {
    rows(text, &format!("{path}."), schema);
    if let Some(element) = element(schema) {
        rows(text, &format!("{path}[]."), element);
    }
    if let Some(value) = value(schema) {
        rows(text, &format!("{path}.*."), value);
    }
}

fn element(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(element) => Some(element),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn value(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.additional_properties.as_ref()? {
        JSONSchemaPropsOrBool::Schema(value) => Some(value),
        JSONSchemaPropsOrBool::Bool(_) => None,
    }
}

/// Kubernetes' own type, which has a page of its own.
fn is_conditions(schema: &JSONSchemaProps) -> bool {
    let known = ["lastTransitionTime", "message", "reason", "status", "type"];
    element(schema)
        .is_some_and(|element| known.iter().all(|name| properties(element).any(|(field, _)| field == *name)))
}

fn kind(schema: &JSONSchemaProps) -> String {
    if is_conditions(schema) {
        return format!("list of [conditions]({CONDITIONS})");
    }
    if let Some(element) = element(schema) {
        return format!("list of {}s", kind(element));
    }
    if let Some(value) = value(schema) {
        return format!("map of {}s", kind(value));
    }
    match schema.format.as_deref() {
        Some("date-time") => "time".to_owned(),
        _ => schema.type_.clone().unwrap_or_else(|| "any".to_owned()),
    }
}

/// The default of an object stands at its fields.
fn default(schema: &JSONSchemaProps, required: bool) -> String {
    match schema.default.as_ref().map(|default| &default.0) {
        _ if required => "required".to_owned(),
        None | Some(Value::Object(_)) => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

fn allowed(schema: &JSONSchemaProps) -> String {
    let mut all = Vec::new();
    if let Some(words) = &schema.enum_ {
        let words = words.iter().filter_map(|word| word.0.as_str()).map(|word| format!("`{word}`"));
        all.push(words.collect::<Vec<_>>().join(", "));
    }
    let whole = |bound: Option<f64>| bound.map(|bound| format!("{bound:.0}"));
    all.extend(range(whole(schema.minimum), whole(schema.maximum), ""));
    let count = |bound: Option<i64>| bound.map(|bound| bound.to_string());
    let once = if schema.x_kubernetes_list_type.as_deref() == Some("set") {
        " elements, each once"
    } else {
        " elements"
    };
    all.extend(range(count(schema.min_items), count(schema.max_items), once));
    all.extend(range(count(schema.min_length), count(schema.max_length), " characters"));
    all.extend(range(count(schema.min_properties), count(schema.max_properties), " entries"));
    if let Some(element) = element(schema) {
        let each = if element.properties.is_none() { allowed(element) } else { String::new() };
        all.extend((!each.is_empty()).then(|| format!("each {each}")));
    }
    all.extend(rules(schema));
    all.extend(element(schema).map(rules).into_iter().flatten());
    all.dedup();
    all.join("; ")
}

fn range(least: Option<String>, most: Option<String>, of: &str) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{of}")),
        (Some(least), None) => Some(format!("at least {least}{of}")),
        (None, Some(most)) => Some(format!("at most {most}{of}")),
        (None, None) => None,
    }
}

/// As it fits between two bars. What stands between backticks is shown as it is.
fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}
