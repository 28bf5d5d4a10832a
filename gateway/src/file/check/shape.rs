//! A tree against the schema: as much of JSON Schema as our types use, and stricter in one thing: a field
//! that the schema does not name is a fault.

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::{Fault, text_of};
use crate::file::node::{Node, Step, Value};
use crate::file::schema::schema;

/// Everything that the schema forbids.
pub(super) fn faults(tree: &Node) -> Vec<Fault> {
    let root = Json::from(schema());
    let mut walk = Walk { root: &root, path: Vec::new(), faults: Vec::new() };
    walk.check(tree, &root);
    walk.faults
}

struct Walk<'a> {
    root: &'a Json,
    path: Vec<Step>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn fault(&mut self, node: &Node, message: String) {
        self.faults.push(Fault { line: node.line, field: text_of(&self.path), message });
    }

    /// Follows `$ref`, and takes the one branch of an optional value that is not null.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            let target = self.root.pointer(name.trim_start_matches('#')).unwrap_or(&Json::Null);
            return self.resolve(target);
        }
        let branches = schema.get("anyOf").and_then(Json::as_array);
        match branches.and_then(|all| all.iter().find(|branch| branch.get("type") != Some(&"null".into()))) {
            Some(branch) => self.resolve(branch),
            None => schema,
        }
    }

    fn check(&mut self, node: &Node, schema: &'a Json) {
        let schema = self.resolve(schema);
        let Some(schema) = schema.as_object() else { return };
        let choices = choices(schema);
        match &node.value {
            Value::Null if allows(schema, "null") => {}
            Value::Map(fields) if allows(schema, "object") => self.fields(node, fields, schema),
            Value::List(items) if allows(schema, "array") => self.items(node, items, schema),
            Value::Text(text) if !choices.is_empty() => {
                if !choices.contains(&text.as_str()) {
                    self.fault(node, format!("{text:?} is not allowed; one of {}", choices.join(", ")));
                }
            }
            Value::Text(text) if allows(schema, "string") => self.text(node, text, schema),
            Value::Integer(number) if allows(schema, "integer") => self.number(node, *number, schema),
            Value::Integer(_) | Value::Float if allows(schema, "number") => {}
            Value::Bool if allows(schema, "boolean") => {}
            other => {
                let wanted = if choices.is_empty() { kind(schema) } else { choices.join(", ") };
                self.fault(node, format!("is {}; must be {wanted}", other.kind()));
            }
        }
    }

    fn fields(&mut self, node: &Node, fields: &[(String, Node)], schema: &'a Map<String, Json>) {
        let named = schema.get("properties").and_then(Json::as_object);
        let free = schema.get("additionalProperties").filter(|value| value.is_object());
        for (name, value) in fields {
            self.path.push(Step::Field(name.clone()));
            match (named.and_then(|named| named.get(name)), free) {
                (Some(schema), _) | (None, Some(schema)) => self.check(value, schema),
                (None, None) => {
                    let allowed: Vec<_> =
                        named.map(|named| named.keys().cloned().collect()).unwrap_or_default();
                    self.fault(value, format!("is not known; allowed here: {}", allowed.join(", ")));
                }
            }
            self.path.pop();
        }
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !fields.iter().any(|(field, _)| field == name) {
                self.fault(node, format!("{name} is required"));
            }
        }
    }

    fn items(&mut self, node: &Node, items: &[Node], schema: &'a Map<String, Json>) {
        self.bounds(node, items.len() as i128, ("minItems", "maxItems"), " entries", schema);
        let Some(inner) = schema.get("items") else { return };
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.check(item, inner);
            self.path.pop();
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Map<String, Json>) {
        self.bounds(node, text.chars().count() as i128, ("minLength", "maxLength"), " characters", schema);
        let pattern = schema.get("pattern").and_then(Json::as_str);
        let broken = |pattern: &&str| Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text));
        if let Some(pattern) = pattern.filter(broken) {
            self.fault(node, format!("{text:?} must match {pattern}"));
        }
    }

    fn number(&mut self, node: &Node, number: i128, schema: &Map<String, Json>) {
        self.bounds(node, number, ("minimum", "maximum"), "", schema);
    }

    fn bounds(
        &mut self,
        node: &Node,
        found: i128,
        names: (&str, &str),
        unit: &str,
        schema: &Map<String, Json>,
    ) {
        let bound = |name: &str| schema.get(name).and_then(Json::as_i64).map(i128::from);
        let (least, most) = (bound(names.0), bound(names.1));
        if least.is_none_or(|least| found >= least) && most.is_none_or(|most| found <= most) {
            return;
        }
        let allowed = match (least, most) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (_, most) => format!("at most {}", most.unwrap_or_default()),
        };
        self.fault(
            node,
            format!("has {found}{unit}; allowed: {allowed}")
                .replace("has ", if unit.is_empty() { "is " } else { "has " }),
        );
    }
}

/// The values of an enumeration: `enum`, or `oneOf` of constants.
fn choices(schema: &Map<String, Json>) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let constants = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten().flat_map(|branch| {
        let constant = branch.get("const").and_then(Json::as_str);
        let listed = branch.get("enum").and_then(Json::as_array).into_iter().flatten();
        constant.into_iter().chain(listed.filter_map(Json::as_str))
    });
    listed.chain(constants).collect()
}

fn allows(schema: &Map<String, Json>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Json::String(only)) => only == kind,
        Some(Json::Array(some)) => some.iter().any(|one| one == kind),
        _ => true,
    }
}

fn kind(schema: &Map<String, Json>) -> String {
    let names = match schema.get("type") {
        Some(Json::String(only)) => vec![only.as_str()],
        Some(Json::Array(some)) => {
            some.iter().filter_map(Json::as_str).filter(|one| *one != "null").collect()
        }
        _ => Vec::new(),
    };
    let spoken = names.into_iter().map(|name| match name {
        "object" => "a map",
        "array" => "a list",
        "integer" => "an integer",
        "boolean" => "true or false",
        "number" => "a number",
        _ => "a string",
    });
    spoken.collect::<Vec<_>>().join(" or ")
}
