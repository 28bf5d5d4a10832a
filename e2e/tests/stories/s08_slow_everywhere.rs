//! Story 8: when everything is slow everywhere, moving traffic helps nobody: nothing shifts, and status says so.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Api;
use spillway_crds::RegionPriority;
use spillway_decide::verdict::Verdict;
use spillway_e2e::story::Scene;
use spillway_e2e::world::wait_until;

use crate::recovery::brisk;
use crate::slow_region::slow;
use crate::worlds::with_hub;

#[test]
fn s08_slow_everywhere_shifts_nothing_and_says_so() {
    with_hub(async |stage| slow_everywhere(&stage.scene("everywhere", brisk).await?).await);
}

async fn slow_everywhere(scene: &Scene) -> Result<()> {
    let load = scene.load(50.0).await?;
    let regions = scene.world().regions().to_vec();
    let begun = scene.change("shenzhen", slow).await?.onset;
    for region in regions.iter().skip(1) {
        scene.change(region, slow).await?;
    }
    let patience = Duration::from_secs(30);
    scene
        .until("Degraded", "shenzhen", begun, patience, |entry| {
            entry.verdict("shenzhen") == Verdict::Degraded
        })
        .await?;
    status_says_so(scene).await?;
    tokio::time::sleep_until(begun + Duration::from_secs(25)).await;
    for entry in scene.chronicle().entries(scene.name(), begun) {
        let stays = entry.share("shenzhen") == 100 || entry.share(&entry.gateway) == 100;
        ensure!(stays, "{} moved its arrivals: {:?}\n{}", entry.gateway, entry.shares, scene.tell(begun));
    }
    for entry in scene.chronicle().answers(scene.name(), begun) {
        let stays = matches!(&entry.answer, Ok((region, _)) if region == "shenzhen");
        ensure!(stays, "{} answered {:?}\n{}", entry.gateway, entry.answer, scene.tell(begun));
    }
    let records = load.stop().await;
    ensure!(records.totals.lost + records.totals.wrong == 0, "{}", records.complaints());
    Ok(())
}

/// The hub's `RegionPriority` tells people why nothing happens.
async fn status_says_so(scene: &Scene) -> Result<()> {
    let api: Api<RegionPriority> = Api::all(scene.world().hub().clone());
    wait_until(Duration::from_secs(15), "the status to say that nothing shifts", || async {
        let status = api.get(scene.name()).await?.status.context("no status")?;
        let text = serde_json::to_string(&status)?;
        ensure!(text.contains("no region is within its bounds"), "status {text}");
        Ok(())
    })
    .await
}
