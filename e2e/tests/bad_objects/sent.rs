//! Sending objects to the API server, as `kubectl` does: strict about unknown fields.

use anyhow::{Context, Result, bail};
use kube::{Client, Resource};
use serde_json::Value;
use spillway_crds::{FederatedIngress, GatewayPeer, MemberCluster, RegionPriority};

/// Creates an object on a dry run. The error is what the API server says.
pub(crate) async fn create(client: &Client, object: &Value) -> Result<(), String> {
    let path = path(object).map_err(|error| error.to_string())?;
    send(client, "POST", &format!("{path}?dryRun=All&fieldValidation=Strict"), object).await.map(drop)
}

/// Makes the object stand, then changes it on a dry run.
pub(crate) async fn update(
    client: &Client,
    object: &Value,
    case: &crate::Case,
) -> Result<Result<(), String>> {
    let path = path(object)?;
    let name = object["metadata"]["name"].as_str().context("no name")?;
    if let Err(refusal) = send(client, "POST", &path, object).await
        && !refusal.contains("already exists")
    {
        bail!("{name} cannot be made to stand: {refusal}");
    }
    let mut standing =
        send(client, "GET", &format!("{path}/{name}"), &Value::Null).await.map_err(anyhow::Error::msg)?;
    case.change(&mut standing)?;
    let changed = send(client, "PUT", &format!("{path}/{name}?dryRun=All"), &standing).await;
    Ok(changed.map(drop))
}

async fn send(client: &Client, method: &str, uri: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(uri).header("Content-Type", "application/json");
    let request = request.body(body).map_err(|error| error.to_string())?;
    client.request::<Value>(request).await.map_err(|error| match error {
        kube::Error::Api(status) => status.message,
        other => other.to_string(),
    })
}

/// Where objects of this one's kind live.
fn path(object: &Value) -> Result<String> {
    let namespace = object["metadata"]["namespace"].as_str();
    Ok(match object["kind"].as_str().context("no kind")? {
        "MemberCluster" => MemberCluster::url_path(&(), namespace),
        "RegionPriority" => RegionPriority::url_path(&(), namespace),
        "FederatedIngress" => FederatedIngress::url_path(&(), namespace),
        "GatewayPeer" => GatewayPeer::url_path(&(), namespace),
        other => bail!("no kind {other}"),
    })
}
