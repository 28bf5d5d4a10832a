//! Story 1: the seed Ingress, applied to the hub, is on three members within a second and reachable through each
//! gateway; edits and the deletion follow; what a hand changed on a member is put right.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use spillway_crds::{FederatedIngress, MemberCluster, federated_ingress::FailingMember};
use spillway_e2e::story::{Stage, apply, visit};
use spillway_e2e::world::{World, wait_until};
use tokio::time::Instant;

use crate::worlds::with_hub;

const SEED: &str = "gov-portal";
const HOST: &str = "portal.gov-prod.cn";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn s01_the_seed_ingress_is_federated_edited_put_right_and_deleted() {
    with_hub(seed);
}

async fn seed(stage: Stage) -> Result<()> {
    let world = &stage.world;
    let source: Api<Ingress> = Api::default_namespaced(world.hub().clone());
    within_a_second(world, &source).await?;
    reachable(world, "/api/hello").await?;
    ensure!(visit(world, "beijing", HOST, "/other").await?.status == 404, "a path of no route was answered");

    edit_path(&source, "/v2/").await?;
    until_path(world, "/v2/").await?;
    reachable(world, "/v2/hello").await?;

    put_right(world).await?;
    shows_front_doors(world).await?;
    tells_of_a_taken_host(world).await?;

    source.delete(SEED, &DeleteParams::default()).await?;
    until_gone(world).await
}

/// A machine that pauses is not the product's fault: one of three times must do.
async fn within_a_second(world: &World, source: &Api<Ingress>) -> Result<()> {
    let mut took = Vec::new();
    for _ in 0..3 {
        took.push(applied_everywhere(world, source).await?);
        println!(
            "gov-portal: on three members {:.0?} after it was applied to the hub",
            took.last().copied().unwrap_or_default()
        );
        if took.last().is_some_and(|took| *took <= Duration::from_secs(1)) {
            return Ok(());
        }
        source.delete(SEED, &DeleteParams::default()).await?;
        until_gone(world).await?;
    }
    bail!("until the seed was on every member it took {took:?}")
}

/// Applies `examples/gov-portal.yaml` as it stands; returns how long the last member waited for its copy.
async fn applied_everywhere(world: &World, source: &Api<Ingress>) -> Result<Duration> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gov-portal.yaml");
    let seed: Ingress = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
    let applied = Instant::now();
    apply(source, SEED, &seed).await?;
    until_path(world, "/api/").await?;
    Ok(applied.elapsed())
}

async fn reachable(world: &World, path: &str) -> Result<()> {
    for region in world.regions() {
        wait_until(PATIENCE, &format!("{HOST}{path} to be reachable through {region}"), || async {
            let seen = visit(world, region, HOST, path).await?;
            ensure!(seen.status == 200 && seen.served.is_some(), "{seen:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn until_path(world: &World, path: &str) -> Result<()> {
    for region in world.regions() {
        let copies: Api<Ingress> = Api::default_namespaced(world.cluster(region)?.clone());
        wait_until(PATIENCE, &format!("the copy with path {path} in {region}"), || async {
            let copy = copies.get(SEED).await?;
            ensure!(path_of(&copy).as_deref() == Some(path), "{:?}", copy.spec);
            let class = copy.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
            ensure!(class == Some("spillway"), "class {class:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

fn path_of(ingress: &Ingress) -> Option<String> {
    let rule = ingress.spec.as_ref()?.rules.as_ref()?.first()?;
    rule.http.as_ref()?.paths.first()?.path.clone()
}

async fn edit_path(ingresses: &Api<Ingress>, to: &str) -> Result<()> {
    let change = json!([{"op": "replace", "path": "/spec/rules/0/http/paths/0/path", "value": to}]);
    let change: Patch<()> = Patch::Json(serde_json::from_value(change)?);
    ingresses.patch(SEED, &PatchParams::default(), &change).await.context("editing the path")?;
    Ok(())
}

/// Somebody edits the copy in chengdu, and deletes the one in beijing.
async fn put_right(world: &World) -> Result<()> {
    let chengdu: Api<Ingress> = Api::default_namespaced(world.cluster("chengdu")?.clone());
    edit_path(&chengdu, "/by-hand/").await?;
    let beijing: Api<Ingress> = Api::default_namespaced(world.cluster("beijing")?.clone());
    beijing.delete(SEED, &DeleteParams::default()).await?;
    until_path(world, "/v2/").await
}

/// As an ingress controller would: `kubectl get ingress` on a member has an address.
async fn shows_front_doors(world: &World) -> Result<()> {
    for region in world.regions() {
        let copies: Api<Ingress> = Api::default_namespaced(world.cluster(region)?.clone());
        let clusters: Api<MemberCluster> = Api::all(world.hub().clone());
        let doors = clusters.get(region).await?.spec.front_door.addresses;
        let doors: Vec<_> = doors.iter().map(ToString::to_string).collect();
        wait_until(PATIENCE, &format!("the copy in {region} to show {doors:?}"), || async {
            let status = copies.get(SEED).await?.status.and_then(|status| status.load_balancer);
            let shown = status.and_then(|status| status.ingress).unwrap_or_default();
            let shown: Vec<_> = shown.into_iter().filter_map(|shown| shown.ip).collect();
            ensure!(shown == doors, "{shown:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// A second namespace claims the seed's host: the first keeps it, and the second's status says so.
async fn tells_of_a_taken_host(world: &World) -> Result<()> {
    const NAMESPACE: &str = "latecomer";
    let namespaces: Api<Namespace> = Api::all(world.hub().clone());
    let namespace = json!({"metadata": {"name": NAMESPACE}});
    apply(&namespaces, NAMESPACE, &serde_json::from_value(namespace)?).await?;
    let mut late: Ingress = Api::default_namespaced(world.hub().clone()).get(SEED).await?;
    late.metadata = ObjectMeta {
        name: Some(SEED.into()),
        namespace: Some(NAMESPACE.into()),
        annotations: late.metadata.annotations,
        ..ObjectMeta::default()
    };
    late.status = None;
    let sources: Api<Ingress> = Api::namespaced(world.hub().clone(), NAMESPACE);
    apply(&sources, SEED, &late).await?;
    let federated: Api<FederatedIngress> = Api::namespaced(world.hub().clone(), NAMESPACE);
    wait_until(PATIENCE, "every member to tell that the host is taken", || async {
        let status = federated.get(SEED).await?.status.unwrap_or_default();
        let told = |row: &FailingMember| row.reason == "RouteRejected" && row.message.contains(HOST);
        ensure!(status.failing.iter().filter(|row| told(row)).count() == world.regions().len(), "{status:?}");
        Ok(())
    })
    .await?;
    sources.delete(SEED, &DeleteParams::default()).await?;
    Ok(())
}

async fn until_gone(world: &World) -> Result<()> {
    for region in world.regions() {
        let copies: Api<Ingress> = Api::default_namespaced(world.cluster(region)?.clone());
        wait_until(PATIENCE, &format!("no copy in {region}"), || async {
            let copy = copies.get_opt(SEED).await?;
            ensure!(copy.is_none(), "still there: {:?}", copy.map(|copy| copy.metadata));
            Ok(())
        })
        .await?;
    }
    Ok(())
}
