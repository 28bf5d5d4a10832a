//! Every field of every kind as a page for people, made from the schemas that the API server gets: what `kubectl explain`
//! says, in one place, with defaults, what is allowed, and the messages of the rules.

mod table;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::iter;
use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion,
    JSONSchemaProps,
};

use crate::definitions;
use crate::yaml::COMMAND;

const HEAD: &str = "\
The kinds of `kube-federation.io/v1alpha1`, from the same schemas as [crds/yaml](../crds/yaml). How they are used, with examples: \
[api.md](api.md). A field that is not required and has no default may be absent. `[]` stands for each element of a list, `.*` for \
each key of a map. Where a rule is broken, the API server refuses the object with the words that stand here.

Kubernetes' own fields (`metadata`) are left out. `status` is written by the hub; what people write into it is overwritten.
";

/// Writes the page.
pub fn write(path: &Path) -> io::Result<()> {
    fs::write(path, text())
}

/// Whether the page is not what the types say, or not there.
#[must_use]
pub fn is_stale(path: &Path) -> bool {
    fs::read_to_string(path).ok().as_deref() != Some(text().as_str())
}

fn text() -> String {
    let mut page = format!("<!-- Generated from the types in crds/src by `{COMMAND}`. Do not edit. -->\n");
    let _ = writeln!(page, "# Every field of the API\n\n{HEAD}");
    for definition in definitions() {
        let kind = &definition.spec.names.kind;
        let _ = writeln!(page, "- [{kind}](#{})", kind.to_lowercase());
    }
    for definition in definitions() {
        for version in &definition.spec.versions {
            chapter(&mut page, &definition, version);
        }
    }
    page
}

fn chapter(
    page: &mut String,
    definition: &CustomResourceDefinition,
    version: &CustomResourceDefinitionVersion,
) {
    let Some(schema) = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()) else {
        return;
    };
    let names = &definition.spec.names;
    let about = schema.description.as_deref().unwrap_or_default();
    let scope = if definition.spec.scope == "Namespaced" { "namespaced" } else { "cluster-scoped" };
    let called: Vec<_> = iter::once(&names.plural).chain(names.short_names.iter().flatten()).collect();
    let called = called.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let _ = writeln!(page, "\n## {}\n\n{about} It is {scope}; for kubectl {called}.", names.kind);
    let rules = table::rules(schema);
    if !rules.is_empty() {
        let _ =
            writeln!(page, "\n{}", rules.iter().map(|rule| format!("{rule}.")).collect::<Vec<_>>().join(" "));
    }
    for part in ["spec", "status"] {
        let Some(schema) = properties(schema).find(|(name, _)| *name == part).map(|(_, schema)| schema)
        else {
            continue;
        };
        let _ = writeln!(page, "\n### {}.{part}\n", names.kind);
        for rule in table::rules(schema) {
            let _ = writeln!(page, "{rule}.\n");
        }
        page.push_str(&table::of(schema));
    }
    columns(page, version.additional_printer_columns.as_deref().unwrap_or_default());
}

fn columns(page: &mut String, columns: &[CustomResourceColumnDefinition]) {
    let _ = writeln!(page, "\nColumns of `kubectl get` (those in brackets with `-o wide`): {}.", {
        let names = columns.iter().map(|column| match column.priority {
            Some(1..) => format!("(`{}`)", column.name),
            _ => format!("`{}`", column.name),
        });
        names.collect::<Vec<_>>().join(", ")
    });
}

fn properties(schema: &JSONSchemaProps) -> impl Iterator<Item = (&str, &JSONSchemaProps)> {
    schema.properties.iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{COMMAND, is_stale, text};

    #[test]
    fn the_page_is_what_the_types_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api-fields.md");
        assert!(!is_stale(&path), "docs/api-fields.md is stale; run `{COMMAND}`");
    }

    #[test]
    fn a_field_says_what_it_is_and_what_is_allowed() {
        let page = text();
        for row in [
            "| `health.holdSeconds` | integer | `30` | 1 to 3600 | Seconds of uninterrupted bad evidence",
            "| `regions` | list of objects | required | 1 to 64 elements; regions must name each region once",
            "| `regions[].intent` | string | `Auto` | `Auto`, `Drained`, `Pinned` |",
            "| `template.metadata.labels` | map of strings | | at most 64 entries;",
            "| `conditions` | list of [conditions](",
            "| `frontDoor.addresses` | list of strings | required | 1 to 16 elements, each once",
        ] {
            assert!(page.contains(row), "{row:?} in\n{page}");
        }
    }
}
