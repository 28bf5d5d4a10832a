//! Applying YAML to a cluster, as `kubectl apply --server-side` does.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, Scope};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::wait::wait_until;

/// The field manager of what a world sets up: nobody of the product.
pub(super) const MANAGER: &str = "spillway-world";

/// Applies every document of a YAML text; namespaced objects without a namespace go to `default`.
pub(super) async fn yaml(client: &Client, text: &str) -> Result<()> {
    for document in serde_saphyr::from_multiple::<Value>(text)? {
        if !document.is_null() {
            json(client, document).await?;
        }
    }
    Ok(())
}

/// Applies one object.
pub(super) async fn json(client: &Client, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let types = object.types.clone().ok_or_else(|| anyhow!("an object without kind"))?;
    let what = format!("{} {}", types.kind, object.name_any());
    let (resource, capabilities) = kube::discovery::pinned_kind(client, &GroupVersionKind::try_from(&types)?)
        .await
        .with_context(|| format!("{what}: is its kind known?"))?;
    api(client, &object, &resource, &capabilities)
        .patch(&object.name_any(), &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object))
        .await
        .with_context(|| format!("apply {what}"))?;
    Ok(())
}

fn api(
    client: &Client,
    object: &DynamicObject,
    resource: &ApiResource,
    capabilities: &ApiCapabilities,
) -> Api<DynamicObject> {
    match (&capabilities.scope, object.namespace()) {
        (Scope::Cluster, _) => Api::all_with(client.clone(), resource),
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), &namespace, resource),
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), resource),
    }
}

/// Applies our CRDs and waits until the API server serves them.
pub(super) async fn crds(client: &Client) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definitions = spillway_crds::definitions();
    futures::future::try_join_all(definitions.iter().map(async |definition| {
        let params = PatchParams::apply(MANAGER).force();
        api.patch(&definition.name_any(), &params, &Patch::Apply(definition))
            .await
            .with_context(|| format!("apply the definition {}", definition.name_any()))
    }))
    .await?;
    for definition in &definitions {
        wait_until(Duration::from_secs(30), "a definition to be served", || served(client, definition))
            .await?;
    }
    Ok(())
}

async fn served(client: &Client, definition: &CustomResourceDefinition) -> Result<()> {
    let spec = &definition.spec;
    let version = &spec.versions.first().context("a definition without versions")?.name;
    let resource = ApiResource {
        group: spec.group.clone(),
        version: version.clone(),
        api_version: format!("{}/{version}", spec.group),
        kind: spec.names.kind.clone(),
        plural: spec.names.plural.clone(),
    };
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    api.list(&kube::api::ListParams::default().limit(1))
        .await
        .map(drop)
        .with_context(|| definition.name_any())
}
