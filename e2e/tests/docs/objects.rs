//! YAML that a reader may apply: a real API server takes it, and a gateway its file.

use anyhow::{Context, Result};
use http::Method;
use kube::Client;
use serde_json::Value;
use spillway_e2e::chart::root;
use spillway_e2e::world::{Options, World};

use super::page::{At, Block};
use super::{Page, none, seen};

/// Kinds of the Prometheus operator, which the world does not have.
const FOREIGN: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

/// Blocks of YAML, and the examples.
fn texts() -> Vec<At<Block>> {
    let blocks = Page::all().into_iter().flat_map(|page| page.blocks);
    let mut all: Vec<_> =
        blocks.filter(|block| ["yaml", "yml"].contains(&block.it.language.as_str())).collect();
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let (page, text) = (
            format!("examples/{}", path.file_name().unwrap().display()),
            std::fs::read_to_string(&path).unwrap(),
        );
        all.push(At { page, line: 1, it: Block { language: "yaml".into(), text } });
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_takes_every_object() -> Result<()> {
    let world = World::raise(Options::single_plane()).await?;
    let (mut complaints, mut count) = (Vec::new(), 0);
    for text in texts() {
        let documents = match serde_saphyr::from_multiple::<Value>(&text.it.text) {
            Ok(documents) => documents,
            Err(error) => {
                complaints.push(format!("{text}: no YAML: {error}"));
                continue;
            }
        };
        for object in documents.iter().filter(|object| is_object(object)) {
            count += 1;
            complaints
                .extend(create(world.hub(), object).await.err().map(|error| format!("{text}: {error:#}")));
        }
    }
    none(&complaints);
    seen("objects", count, 5);
    Ok(())
}

fn is_object(document: &Value) -> bool {
    let kind = document["kind"].as_str();
    document["apiVersion"].is_string() && kind.is_some_and(|kind| !FOREIGN.contains(&kind))
}

/// On a dry run, strict about fields that are not known. Names of namespaces are the reader's own.
async fn create(client: &Client, object: &Value) -> Result<()> {
    let (version, kind) = (text(object, "/apiVersion")?, text(object, "/kind")?);
    let (path, namespaced) = resource(client, version, kind).await?;
    let mut object = object.clone();
    let place = if namespaced {
        object["metadata"]["namespace"] = "default".into();
        path.replace("{}", "namespaces/default/")
    } else {
        path.replace("{}", "")
    };
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("{place}?dryRun=All&fieldValidation=Strict"))
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&object)?)?;
    let name = text(&object, "/metadata/name")?;
    client.request::<Value>(request).await.map(drop).with_context(|| format!("{kind} {name}"))
}

/// Where objects of a kind live, `{}` in the place of the namespace.
async fn resource(client: &Client, version: &str, kind: &str) -> Result<(String, bool)> {
    let group = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let list = client.request::<Value>(http::Request::get(group.as_str()).body(Vec::new())?).await;
    let list = list.with_context(|| format!("the API server knows no {version}"))?;
    let all = list["resources"].as_array().context("no resources")?;
    let found = all.iter().find(|resource| {
        resource["kind"] == kind && !resource["name"].as_str().unwrap_or_default().contains('/')
    });
    let found = found.with_context(|| format!("{version} has no kind {kind}"))?;
    let plural = text(found, "/name")?;
    Ok((format!("{group}/{{}}{plural}"), found["namespaced"] == true))
}

fn text<'a>(object: &'a Value, pointer: &str) -> Result<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer}"))
}

#[test]
fn a_gateway_takes_every_file() {
    let is_file = |text: &&At<Block>| {
        let document = serde_saphyr::from_str::<Value>(&text.it.text).unwrap_or_default();
        document["kind"].is_null() && document["routes"].is_array() && document["backends"].is_object()
    };
    let texts = texts();
    let files: Vec<_> = texts.iter().filter(is_file).collect();
    let faults = files.iter().flat_map(|text| {
        let faults = region_gateway::file::check::parse(&text.it.text).err().unwrap_or_default();
        faults.into_iter().map(move |fault| format!("{text}: {fault}"))
    });
    none(&faults.collect::<Vec<_>>());
    seen("files of gateways", files.len(), 1);
}
