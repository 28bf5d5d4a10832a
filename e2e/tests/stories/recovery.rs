//! Story 4: traffic comes home in steps, a relapse stops it, and the hold grows with repeated failures.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spillway_crds::RegionPrioritySpec;
use spillway_decide::verdict::Verdict;
use spillway_e2e::story::{Entry, Scene};
use tokio::time::Instant;

use crate::slow_region::slow;
use crate::worlds::with_hub;

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn s04_home_in_steps_a_relapse_stops_it_and_the_hold_grows() {
    with_hub(async |stage| home_and_relapse(&stage.scene("recovery", brisk).await?).await);
}

/// Seconds instead of half minutes, so that a story fits into a minute.
pub(crate) fn brisk(spec: &mut RegionPrioritySpec) {
    spec.health.hold_seconds = 6;
    spec.health.window_seconds = 4;
    spec.recovery.hold_seconds = 4;
    spec.recovery.max_hold_seconds = 60;
    spec.recovery.steps_percent = vec![25, 50, 100];
    spec.recovery.step_seconds = 3;
}

/// Down, half way home, down again, and home at last.
pub(crate) async fn home_and_relapse(scene: &Scene) -> Result<()> {
    let load = scene.load(50.0).await?;

    let begun = scene.change("shenzhen", slow).await?.onset;
    degraded(scene, begun).await?;
    let healed = scene.heal("shenzhen").await?;
    let first_hold = coming_home(scene, healed).await? - healed;
    home_share(scene, healed, 50).await?;

    let relapsed = scene.change("shenzhen", slow).await?.onset;
    let back = degraded(scene, relapsed).await?;
    let took = back - relapsed;
    ensure!(
        took < Duration::from_secs(6),
        "a relapse took {took:?}, as long as a first failure\n{}",
        scene.tell(begun)
    );
    scene
        .until("nothing at home", "chengdu", relapsed, Duration::from_secs(10), |entry| {
            entry.share("shenzhen") == 0
        })
        .await?;

    let healed = scene.heal("shenzhen").await?;
    let second_hold = coming_home(scene, healed).await? - healed;
    ensure!(
        second_hold >= first_hold + Duration::from_secs(2),
        "the hold did not grow: {first_hold:?}, then {second_hold:?}\n{}",
        scene.tell(begun)
    );
    let mut last = Instant::now().min(healed);
    for step in [25, 50, 100] {
        let at =
            home_share(scene, healed, step).await.with_context(|| format!("the step home to {step} %"))?;
        ensure!(at >= last, "{step} % came too early\n{}", scene.tell(begun));
        last = at;
    }
    scene
        .until("Healthy", "shenzhen", healed, PATIENCE, |entry| entry.verdict("shenzhen") == Verdict::Healthy)
        .await?;
    let records = load.stop().await;
    ensure!(
        records.totals.lost + records.totals.wrong == 0,
        "{}\n{}",
        records.complaints(),
        scene.tell(begun)
    );
    println!(
        "{}: holds {first_hold:.1?}, {second_hold:.1?}; {} requests, 0 lost",
        scene.name(),
        records.totals.sent
    );
    Ok(())
}

async fn degraded(scene: &Scene, from: Instant) -> Result<Instant> {
    let is = |entry: &Entry| entry.verdict("shenzhen") == Verdict::Degraded;
    scene.until("Degraded", "shenzhen", from, PATIENCE, is).await.map(|entry| entry.at)
}

async fn coming_home(scene: &Scene, from: Instant) -> Result<Instant> {
    let is = |entry: &Entry| entry.verdict("shenzhen") == Verdict::Recovering;
    scene.until("Recovering", "shenzhen", from, PATIENCE, is).await.map(|entry| entry.at)
}

/// When chengdu, where DNS sends people meanwhile, forwarded so much of its arrivals home.
async fn home_share(scene: &Scene, from: Instant, percent: u32) -> Result<Instant> {
    let is = |entry: &Entry| entry.share("shenzhen") == percent;
    scene.until(&format!("{percent} % at home"), "chengdu", from, PATIENCE, is).await.map(|entry| entry.at)
}
