//! Story 14: `kubectl spillway check` finds nothing wrong with a federation that is well, and with one whose gateway is dead
//! finds what is wrong, says what to do and fails.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;
use spillway_crds::names::SYSTEM_NAMESPACE;
use spillway_crds::permissions::{Part, Subject, grant};
use spillway_e2e::story::Stage;
use spillway_e2e::world::{Process, World, wait_until};

use crate::worlds::in_turn;

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn s14_check_tells_well_from_ill() {
    in_turn(checked);
}

async fn checked(stage: Stage) -> Result<()> {
    let scene = stage.scene("checked", |_| {}).await?;
    let world = &stage.world;
    account(world).await?;
    let resolver = format!("{}:{}", world.front_door("chengdu")?, world.ports().dns);
    let before = ["check", "--pre", "-o", "json"];
    let pre: Value = serde_json::from_str(&world.kubectl_spillway_says(&before).await?)?;
    ensure!(pre["ok"] == true, "{pre:#}");
    let check = ["check", "--resolver", &resolver, "-o", "json"];
    wait_until(PATIENCE, "nothing to be wrong", || async {
        let output = world.kubectl_spillway(&check).await?;
        let found: Value = serde_json::from_slice(&output.stdout).with_context(|| format!("{output:?}"))?;
        let failed = of(&found, "Failed");
        ensure!(failed.is_empty() && output.status.success(), "{failed:#?}");
        let groups = found["groups"].as_array().map_or(0, Vec::len);
        ensure!(groups == 10, "{groups} groups: {found:#}");
        let name = format!("{} resolves to what gateways answer: ", scene.host());
        ensure!(of(&found, "Ok").iter().any(|check| check.starts_with(&name)), "{found:#}");
        Ok(())
    })
    .await?;
    println!("{}", world.kubectl_spillway_says(&["check", "--resolver", &resolver]).await?);

    world.kill(&Process::Gateway("beijing".to_owned())).await?;
    wait_until(PATIENCE, "the dead gateway to be found", || async {
        let output = world.kubectl_spillway(&check).await?;
        ensure!(output.status.code() == Some(1), "{output:?}");
        let found: Value = serde_json::from_slice(&output.stdout)?;
        let failed = of(&found, "Failed");
        for expected in [
            "member beijing in region beijing: ",
            "chengdu reaches beijing's spill listener",
            "chengdu reaches beijing's front door",
        ] {
            ensure!(failed.iter().any(|check| check.starts_with(expected)), "no {expected:?} in {failed:#?}");
        }
        Ok(())
    })
    .await
}

/// The checks with this outcome.
fn of(found: &Value, outcome: &str) -> Vec<String> {
    let groups = found["groups"].as_array().into_iter().flatten();
    let checks = groups.flat_map(|group| group["checks"].as_array().into_iter().flatten());
    let those = checks.filter(|check| check["outcome"] == outcome);
    those.map(|check| check["check"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The world's controller is a user of a group; check asks about the chart's account.
async fn account(world: &World) -> Result<()> {
    let subject = Subject::ServiceAccount("spillway-controller".into());
    let [_, mut cluster, _, mut namespaced] =
        grant(Part::Controller, SYSTEM_NAMESPACE, &subject, &BTreeMap::new())?;
    for binding in [&mut cluster, &mut namespaced] {
        binding["metadata"]["name"] = "spillway-controller-account".into();
    }
    let cluster: ClusterRoleBinding = serde_json::from_value(cluster)?;
    Api::all(world.hub().clone()).create(&PostParams::default(), &cluster).await?;
    let namespaced: RoleBinding = serde_json::from_value(namespaced)?;
    let api = Api::namespaced(world.hub().clone(), SYSTEM_NAMESPACE);
    api.create(&PostParams::default(), &namespaced).await?;
    Ok(())
}
