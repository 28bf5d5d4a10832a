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

    let first = Process::Controller(0);
    let successor = world.start_replica().await?;
    let (declared, killed) = tokio::join!(declare_all(world, "/two/"), kill_when(world, &first, changed));
    declared?;
    println!("dead-controller: killed when {} of {COUNT} copies in shenzhen had changed", killed?);
    everywhere(world, "/two/").await?;

    world.restart(&first).await?;
    let (removed, killed) = tokio::join!(remove_all(world), kill_when(world, &successor, removed));
    removed?;
    println!("dead-controller: killed when {} of {COUNT} copies in shenzhen were gone", killed?);
    nothing_is_left(world).await
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

/// How many copies in shenzhen have changed.
async fn changed(world: &World) -> Result<usize> {
    count(world, "shenzhen", "/two/").await.map(|(changed, _)| changed)
}

/// How many copies in shenzhen are gone.
async fn removed(world: &World) -> Result<usize> {
    count(world, "shenzhen", "/two/").await.map(|(_, left)| COUNT - left)
}

/// Kills a controller as soon as it has done some of its work, and says how much; all of it would prove nothing.
async fn kill_when(
    world: &World,
    controller: &Process,
    done: impl AsyncFn(&World) -> Result<usize>,
) -> Result<usize> {
    wait_until(PATIENCE, "the work to be in the middle", || async {
        let some = done(world).await?;
        ensure!(some > 0, "nothing is done yet");
        Ok(())
    })
    .await?;
    world.kill(controller).await?;
    let some = done(world).await?;
    ensure!(some < COUNT, "the controller had done everything before it was killed");
    Ok(some)
}

async fn remove_all(world: &World) -> Result<()> {
    let api: &Api<FederatedIngress> = &Api::default_namespaced(world.hub().clone());
    let remove = |number| async move { api.delete(&name(number), &DeleteParams::default()).await.map(drop) };
    stream::iter(0..COUNT).map(remove).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    Ok(())
}

async fn nothing_is_left(world: &World) -> Result<()> {
    for region in world.regions() {
        wait_until(PATIENCE, &format!("no copy in {region}"), || async {
            let (_, left) = count(world, region, "/two/").await?;
            ensure!(left == 0, "{left} are left");
            Ok(())
        })
        .await?;
    }
    let api: Api<FederatedIngress> = Api::default_namespaced(world.hub().clone());
    wait_until(PATIENCE, "no finalizer to hold anything on the hub", || async {
        let left = api.list(&ListParams::default()).await?.items;
        let left = left.iter().filter(|source| source.name_any().starts_with(PREFIX)).count();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await
}
