//! Story 10: a thousand requests a second through a failover and back: none is answered wrongly, none is lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use spillway_decide::verdict::Verdict;
use spillway_e2e::story::{Entry, Stage};
use tokio::time::Instant;

use crate::worlds::in_turn;

const RATE: f64 = 1000.0;

#[test]
fn s10_a_thousand_a_second_through_a_failover_and_back() {
    in_turn(there_and_back);
}

async fn there_and_back(stage: Stage) -> Result<()> {
    let scene = stage
        .scene("thousand", |spec| {
            spec.health.hold_seconds = 8;
            spec.health.window_seconds = 5;
            spec.recovery.hold_seconds = 4;
            spec.recovery.step_seconds = 2;
        })
        .await?;
    let load = scene.load(RATE).await?;
    let (begun, patience) = (Instant::now(), Duration::from_mins(1));
    scene.change("shenzhen", |behaviour| behaviour.latency = 2000.into()).await?;
    let gone = |entry: &Entry| entry.share("chengdu") == 100;
    scene.until("everything to spill", "shenzhen", begun, patience, gone).await?;
    let healed = scene.heal("shenzhen").await?;
    let home =
        |entry: &Entry| entry.verdict("shenzhen") == Verdict::Healthy && entry.share("shenzhen") == 100;
    scene.until("shenzhen to be home", "shenzhen", healed, patience, home).await?;
    scene.until_dns("shenzhen", healed, patience, "shenzhen", 30).await?;
    let records = load.stop().await;
    let totals = &records.totals;
    println!(
        "thousand: {} requests, {} lost, {} wrong, {} redirects to the public host",
        totals.sent, totals.lost, totals.wrong, totals.locations_public
    );
    ensure!(totals.lost + totals.wrong == 0, "{}\n{}", records.complaints(), scene.tell(begun));
    ensure!(totals.redirects == totals.locations_public && totals.redirects > 0, "{totals:?}");
    let by_chengdu =
        records.requests.iter().filter(|record| record.served.as_deref() == Some("chengdu")).count();
    ensure!(by_chengdu > 0, "nothing failed over\n{}", scene.tell(begun));
    Ok(())
}
