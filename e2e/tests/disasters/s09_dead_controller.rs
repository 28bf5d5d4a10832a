//! Story 9: the controller is killed in the middle of a change of 200 ingresses: its successor ends it, and nothing is
//! orphaned.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use spillway_crds::{FederatedIngress, RegionPriority};
use spillway_e2e::story::{Stage, apply, federated_ingress, region_priority};
use spillway_e2e::world::{Process, World, wait_until};

use crate::worlds::in_turn;

const COUNT: usize = 200;
const PATIENCE: Duration = Duration::from_secs(90);
const PREFIX: &str = "many-";

#[test]
fn s09_a_successor_ends_what_a_killed_controller_began() {
    in_turn(killed_in_the_middle);
}

async fn killed_in_the_middle(stage: Stage) -> Result<()> {
    let world = &stage.world;
    let priorities: Api<RegionPriority> = Api::all(world.hub().clone());
    apply(&priorities, "many", &region_priority("many", world.regions(), |_| {})).await?;
    declare_all(world, "/one/").await?;
    everywhere(world, "/one/").await?;

    let successor = world.start_replica().await?;
    declare_all(world, "/two/").await?;
    let changed = in_the_middle(world).await?;
    world.kill(&Process::Controller(0)).await?;
    println!("dead-controller: killed when {changed} of {COUNT} copies in shenzhen had changed");
    everywhere(world, "/two/").await?;

    remove_some(world, COUNT / 2).await?;
    orphans_are_gone(world, COUNT / 2).await?;
    remove_some(world, COUNT).await?;
    orphans_are_gone(world, 0).await?;
    world.restart(&Process::Controller(0)).await?;
    world.term(&successor).await
}

fn name(number: usize) -> String {
    format!("{PREFIX}{number:03}")
}

async fn declare_all(world: &World, path: &str) -> Result<()> {
    let api: &Api<FederatedIngress> = &Api::default_namespaced(world.hub().clone());
    let declare = |number| async move {
        let (name, host) = (name(number), format!("{number}.many.test"));
        apply(api, &name, &federated_ingress(&name, &host, path, "many")?).await
    };
    stream::iter(0..COUNT).map(declare).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    Ok(())
}

/// How many copies in `region` have `path`, and how many there are.
async fn count(world: &World, region: &str, path: &str) -> Result<(usize, usize)> {
    let api: Api<Ingress> = Api::default_namespaced(world.cluster(region)?.clone());
    let all = api.list(&ListParams::default()).await?.items;
    let many: Vec<_> = all.into_iter().filter(|copy| copy.name_any().starts_with(PREFIX)).collect();
    let with_path =
        many.iter().filter(|copy| serde_json::to_string(&copy.spec).is_ok_and(|spec| spec.contains(path)));
    Ok((with_path.count(), many.len()))
}

async fn everywhere(world: &World, path: &str) -> Result<()> {
    for region in world.regions() {
        wait_until(PATIENCE, &format!("{COUNT} copies with {path} in {region}"), || async {
            let seen = count(world, region, path).await?;
            ensure!(seen == (COUNT, COUNT), "{} of {} have it", seen.0, seen.1);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Waits until some copies have changed and others have not; says how many have.
async fn in_the_middle(world: &World) -> Result<usize> {
    wait_until(PATIENCE, "the change to be in the middle", || async {
        let (changed, _) = count(world, "shenzhen", "/two/").await?;
        ensure!(changed > 0, "nothing has changed yet");
        Ok(changed)
    })
    .await
}

async fn remove_some(world: &World, how_many: usize) -> Result<()> {
    let api: &Api<FederatedIngress> = &Api::default_namespaced(world.hub().clone());
    let remove = |number| async move {
        match api.delete(&name(number), &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(|_| ()),
        }
    };
    stream::iter(0..how_many).map(remove).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    Ok(())
}

async fn orphans_are_gone(world: &World, left: usize) -> Result<()> {
    for region in world.regions() {
        wait_until(PATIENCE, &format!("{left} copies in {region}"), || async {
            let (_, all) = count(world, region, "/two/").await?;
            ensure!(all == left, "there are {all}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}
