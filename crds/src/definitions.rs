//! The definitions as they are installed: what the types derive, in the dialect of the API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::{FederatedIngress, GatewayPeer, MemberCluster, RegionPriority};

/// Every definition of the group, in the order of their names: what `make crds` writes and what a hub
/// or a member gets.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut all =
        vec![FederatedIngress::crd(), GatewayPeer::crd(), MemberCluster::crd(), RegionPriority::crd()];
    all.iter_mut().for_each(tidy);
    all
}

fn tidy(definition: &mut CustomResourceDefinition) {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            speak_openapi(schema);
        }
    }
}

fn speak_openapi(schema: &mut JSONSchemaProps) {
    if let Some(format) = &mut schema.format {
        replace_format(format);
    }
    if let Some(description) = &mut schema.description {
        *description = unwrap(description);
    }
    schema.properties.iter_mut().flatten().for_each(|(_, property)| speak_openapi(property));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        speak_openapi(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        speak_openapi(values);
    }
}

/// Rust's unsigned integers become the signed ones that `OpenAPI` knows; the API server warns of others.
/// Their range is in the schema anyway.
fn replace_format(format: &mut String) {
    match format.as_str() {
        "uint8" | "uint16" => "int32".clone_into(format),
        "uint32" | "uint64" => "int64".clone_into(format),
        _ => {}
    }
}

/// Joins the lines of a doc comment, which break where the source file ends, so that `kubectl explain` can
/// break them where the terminal does. Paragraphs and list items stay apart.
fn unwrap(description: &str) -> String {
    let mut text = String::with_capacity(description.len());
    for line in description.lines() {
        let apart = line.is_empty() || line.starts_with([' ', '*', '-']) || text.ends_with('\n');
        if !text.is_empty() {
            text.push(if apart { '\n' } else { ' ' });
        }
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::unwrap;

    #[test]
    fn lines_are_joined_and_paragraphs_are_not() {
        assert_eq!(unwrap("1 to\n3600."), "1 to 3600.");
        assert_eq!(unwrap("One.\n\nTwo\nthree."), "One.\n\nTwo three.");
        assert_eq!(unwrap("Types:\n* Exact\n* Prefix"), "Types:\n* Exact\n* Prefix");
    }
}
