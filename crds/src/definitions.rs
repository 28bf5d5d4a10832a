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
    all.iter_mut().for_each(speak_openapi);
    all
}

fn speak_openapi(definition: &mut CustomResourceDefinition) {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            replace_formats(schema);
        }
    }
}

/// Rust's unsigned integers become the signed ones that OpenAPI knows; the API server warns of others.
/// Their range is in the schema anyway.
fn replace_formats(schema: &mut JSONSchemaProps) {
    if let Some(format) = &mut schema.format {
        match format.as_str() {
            "uint8" | "uint16" => "int32".clone_into(format),
            "uint32" | "uint64" => "int64".clone_into(format),
            _ => {}
        }
    }
    schema.properties.iter_mut().flatten().for_each(|(_, property)| replace_formats(property));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        replace_formats(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        replace_formats(values);
    }
}
