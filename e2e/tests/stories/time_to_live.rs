//! Story 3: the TTL falls at the first suspicion, answers follow the verdict, and both return.

use std::time::Duration;

use anyhow::{Result, ensure};
use spillway_decide::verdict::Verdict;
use spillway_e2e::story::Scene;

use crate::recovery::brisk;
use crate::slow_region::slow;
use crate::worlds::with_hub;

#[test]
fn s03_answers_and_their_ttl_follow_the_verdict() {
    with_hub(async |stage| answers_follow(&stage.scene("ttl", brisk).await?).await);
}

/// Every gateway's DNS server is asked all the time, by the chronicle.
pub(crate) async fn answers_follow(scene: &Scene) -> Result<()> {
    let gateways = scene.world().regions().to_vec();
    let load = scene.load(50.0).await?;
    let begun = scene.change("shenzhen", slow).await?.onset;
    let wait = Duration::from_secs(20);
    let suspected = scene
        .until("Suspected", "shenzhen", begun, wait, |entry| entry.verdict("shenzhen") == Verdict::Suspected)
        .await?;
    for gateway in &gateways {
        let lowered = scene.until_dns(gateway, begun, wait, "shenzhen", 5).await?;
        let took = lowered.saturating_duration_since(suspected.at);
        ensure!(
            took < Duration::from_secs(2),
            "{gateway} lowered its TTL {took:?} late\n{}",
            scene.tell(begun)
        );
    }
    let degraded = scene
        .until("Degraded", "shenzhen", begun, wait, |entry| entry.verdict("shenzhen") == Verdict::Degraded)
        .await?;
    for gateway in &gateways {
        let followed = scene.until_dns(gateway, begun, wait, "chengdu", 5).await?;
        let took = followed.saturating_duration_since(degraded.at);
        ensure!(took < Duration::from_secs(2), "{gateway} followed {took:?} late\n{}", scene.tell(begun));
    }
    let healed = scene.heal("shenzhen").await?;
    for gateway in &gateways {
        scene.until_dns(gateway, healed, Duration::from_mins(1), "shenzhen", 30).await?;
    }
    let broken: Vec<_> =
        scene.chronicle().answers(scene.name(), begun).into_iter().filter(|e| e.answer.is_err()).collect();
    ensure!(broken.is_empty(), "answers that were none: {broken:?}");
    let records = load.stop().await;
    ensure!(
        records.totals.lost + records.totals.wrong == 0,
        "{}\n{}",
        records.complaints(),
        scene.tell(begun)
    );
    Ok(())
}
