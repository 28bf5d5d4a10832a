//! Story 7: a member's control plane is killed: its gateway serves on, also after a restart; the other members reconcile
//! as before; nothing is deleted; when it returns, it catches up.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use spillway_crds::{FederatedIngress, MemberCluster};
use spillway_e2e::story::{Scene, Stage, apply, federated_ingress, visit};
use spillway_e2e::world::{Process, wait_until};

use crate::worlds::in_turn;

const PATIENCE: Duration = Duration::from_secs(45);

#[test]
fn s07_a_dead_api_server_costs_its_own_region_nothing_and_the_others_less() {
    in_turn(dead_api_server);
}

async fn dead_api_server(stage: Stage) -> Result<()> {
    let scene = stage.scene("dead-api", |_| {}).await?;
    let world = scene.world();
    let (gateway, plane) = (Process::Gateway("chengdu".into()), Process::ControlPlane("chengdu".into()));

    let before = how_many(&stage).await?;
    saved(&scene).await?;
    world.kill(&plane).await?;
    serves(&scene).await.context("the gateway, without its API server")?;
    world.restart(&gateway).await?;
    serves(&scene).await.context("the gateway, restarted without its API server")?;

    unknown_since(&stage).await?;
    declare_another(&stage).await?;
    copies(&stage, "shenzhen", true).await?;
    copies(&stage, "beijing", true).await?;
    failing_names_the_member(&stage).await?;

    world.restart(&plane).await?;
    copies(&stage, "chengdu", true).await.context("chengdu, back again")?;
    let after = how_many(&stage).await?;
    ensure!(
        after.iter().zip(&before).all(|(after, before)| *after == before + 1),
        "copies: {before:?}, then {after:?}"
    );
    Ok(())
}

/// Chengdu's snapshot has the scene: it is written once a second at most.
async fn saved(scene: &Scene) -> Result<()> {
    let directory = scene.world().dir().join("chengdu").join("snapshot");
    wait_until(PATIENCE, "the snapshot to be written", || async {
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            if std::fs::read_to_string(entry?.path())?.contains(&scene.host()) {
                return Ok(());
            }
        }
        bail!("no file of {} has {}", directory.display(), scene.host())
    })
    .await
}

/// Chengdu's front door answers for the scene's host.
async fn serves(scene: &Scene) -> Result<()> {
    wait_until(PATIENCE, "chengdu's front door to answer", || async {
        let seen = visit(scene.world(), "chengdu", &scene.host(), "/api/hello").await?;
        ensure!(seen.status == 200, "{seen:?}");
        Ok(())
    })
    .await
}

/// The copies on each member, all stories' together.
async fn how_many(stage: &Stage) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for region in stage.world.regions() {
        let api: Api<Ingress> = Api::all(stage.world.cluster(region)?.clone());
        counts.push(api.list(&ListParams::default()).await?.items.len());
    }
    Ok(counts)
}

async fn unknown_since(stage: &Stage) -> Result<()> {
    let members: Api<MemberCluster> = Api::all(stage.world.hub().clone());
    wait_until(PATIENCE, "chengdu to be Unknown, with a time", || async {
        let member = members.get("chengdu").await?;
        let status = member.status.context("no status")?;
        let reachable = status.conditions.iter().find(|condition| condition.type_ == "Reachable");
        let reachable = reachable.context("no condition Reachable")?;
        ensure!(reachable.status == "Unknown", "Reachable is {}: {}", reachable.status, reachable.message);
        let since = Timestamp::now().duration_since(reachable.last_transition_time.0);
        ensure!(since.as_secs() < 120, "Unknown since {since:?}, longer than it is dead");
        Ok(())
    })
    .await
}

/// The hub goes on: one more ingress, while chengdu is away.
async fn declare_another(stage: &Stage) -> Result<()> {
    let api: Api<FederatedIngress> = Api::default_namespaced(stage.world.hub().clone());
    apply(&api, "another", &federated_ingress("another", "another.story.test", "/api/", "dead-api")?).await
}

async fn copies(stage: &Stage, region: &str, wanted: bool) -> Result<()> {
    let api: Api<Ingress> = Api::default_namespaced(stage.world.cluster(region)?.clone());
    wait_until(PATIENCE, &format!("the new ingress in {region}"), || async {
        let copy = api.get_opt("another").await?;
        ensure!(copy.is_some() == wanted, "copy: {:?}", copy.map(|copy| copy.name_any()));
        Ok(())
    })
    .await
}

async fn failing_names_the_member(stage: &Stage) -> Result<()> {
    let api: Api<FederatedIngress> = Api::default_namespaced(stage.world.hub().clone());
    wait_until(PATIENCE, "the status to name chengdu as failing", || async {
        let status = api.get("another").await?.status.context("no status")?;
        let named = status.failing.iter().any(|failing| failing.member == "chengdu");
        ensure!(named, "failing: {:?}", status.failing);
        Ok(())
    })
    .await
}
