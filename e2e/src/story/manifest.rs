//! The objects that a scene declares on the hub.

use anyhow::{Context, Result};
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use spillway_crds::{FederatedIngress, RegionPriority, RegionPrioritySpec};

/// The manager of everything that a story writes: a person with kubectl, not Spillway.
pub(super) const STORYTELLER: &str = "storyteller";

/// A `FederatedIngress` that sends `host/path` to the Service of its own name.
pub fn federated_ingress(name: &str, host: &str, path: &str, priority: &str) -> Result<FederatedIngress> {
    let backend = json!({"service": {"name": name, "port": {"number": 8080}}});
    let ingress = json!({"rules": [{"host": host, "http": {"paths": [
        {"path": path, "pathType": "Prefix", "backend": backend}]}}]});
    serde_json::from_value(json!({
        "apiVersion": "kube-federation.io/v1alpha1",
        "kind": "FederatedIngress",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": {"spec": ingress}, "regionPriority": priority},
    }))
    .context("a FederatedIngress")
}

/// A `RegionPriority` over `regions`, with the defaults that `tune` changes.
#[must_use]
pub fn region_priority(
    name: &str,
    regions: &[String],
    tune: impl FnOnce(&mut RegionPrioritySpec),
) -> RegionPriority {
    let regions = regions
        .iter()
        .map(|name| spillway_crds::region_priority::Region { name: name.clone(), ..Default::default() });
    let mut spec = RegionPrioritySpec { regions: regions.collect(), ..Default::default() };
    tune(&mut spec);
    RegionPriority::new(name, spec)
}

/// Applies an object as a person would: server-side.
pub async fn apply<K>(api: &Api<K>, name: &str, object: &K) -> Result<()>
where
    K: kube::Resource + serde::Serialize + serde::de::DeserializeOwned + Clone + std::fmt::Debug,
{
    let params = PatchParams::apply(STORYTELLER).force();
    api.patch(name, &params, &Patch::Apply(object)).await.with_context(|| format!("cannot apply {name}"))?;
    Ok(())
}
