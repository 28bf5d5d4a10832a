//! Story 6: shenzhen's gateway is killed: the others agree, stop answering with it, and no answer is ever empty. A cut
//! between two regions only is no reason to shift.

use std::time::Duration;

use anyhow::{Result, ensure};
use spillway_crds::RegionPrioritySpec;
use spillway_decide::verdict::Verdict;
use spillway_e2e::story::{Scene, Stage};
use spillway_e2e::world::{Disturbance, Link, Process};
use tokio::time::{Instant, sleep_until};

use crate::worlds::in_turn;

const OTHERS: [&str; 2] = ["chengdu", "beijing"];

#[test]
fn s06_a_dead_gateway_is_given_up_by_the_others() {
    in_turn(dead_gateway);
}

#[test]
fn s06_a_cut_between_two_regions_shifts_nothing() {
    in_turn(cut_between_two);
}

fn quick_home(spec: &mut RegionPrioritySpec) {
    spec.health.window_seconds = 4;
    spec.recovery.hold_seconds = 4;
    spec.recovery.steps_percent = vec![50, 100];
    spec.recovery.step_seconds = 2;
}

async fn dead_gateway(stage: Stage) -> Result<()> {
    let scene = stage.scene("dead-gateway", quick_home).await?;
    let load = scene.load(50.0).await?;
    let gateway = Process::Gateway("shenzhen".to_owned());
    scene.world().kill(&gateway).await?;
    let killed = Instant::now();
    for other in OTHERS {
        let followed = scene.until_dns(other, killed, Duration::from_secs(15), "chengdu", 5).await?;
        println!(
            "dead-gateway: {other} answers with chengdu {:.1} s after the death",
            (followed - killed).as_secs_f64()
        );
        let is_degraded = |entry: &spillway_e2e::story::Entry| entry.verdict("shenzhen") == Verdict::Degraded;
        scene.until("shenzhen Degraded", other, killed, Duration::from_secs(15), is_degraded).await?;
    }
    everybody_is_served(&scene, load, killed).await?;
    scene.world().restart(&gateway).await?;
    let restarted = Instant::now();
    for region in scene.world().regions() {
        scene.until_dns(region, restarted, Duration::from_mins(1), "shenzhen", 30).await?;
    }
    never_empty(&scene, killed)
}

/// Clients whose old answer has run out are served by chengdu, without a loss.
async fn everybody_is_served(scene: &Scene, load: spillway_e2e::load::Load, killed: Instant) -> Result<()> {
    // The answer from before the death was good for 30 s; whoever has it may keep it so long.
    let expired = killed + Duration::from_secs(33);
    sleep_until(expired + Duration::from_secs(3)).await;
    let offset = expired - Instant::from_std(load.started());
    let records = load.stop().await;
    let lost =
        records.requests.iter().filter(|record| record.sent_at > offset && record.served.is_none()).count();
    ensure!(lost == 0, "{lost} requests were lost after every TTL had ended\n{}", records.complaints());
    let wrong = records.totals.wrong;
    ensure!(wrong == 0, "{wrong} wrong\n{}\n{}", records.complaints(), scene.tell(killed));
    println!(
        "dead-gateway: {} requests, {} lost at the dead gateway",
        records.totals.sent, records.totals.lost
    );
    Ok(())
}

fn never_empty(scene: &Scene, since: Instant) -> Result<()> {
    let others = scene.chronicle().answers(scene.name(), since);
    let broken: Vec<_> =
        others.iter().filter(|e| OTHERS.contains(&e.gateway.as_str()) && e.answer.is_err()).collect();
    ensure!(broken.is_empty(), "answers that were none: {broken:?}");
    Ok(())
}

async fn cut_between_two(stage: Stage) -> Result<()> {
    let scene = stage.scene("cut", quick_home).await?;
    let load = scene.load(50.0).await?;
    let begun = Instant::now();
    let link = Link::between("shenzhen", "chengdu");
    scene.world().disturb(&link, Disturbance::Cut).await?;
    scene
        .until("a vote against shenzhen to be noticed", "chengdu", begun, Duration::from_secs(20), |entry| {
            entry.share("chengdu") == 100
        })
        .await?;
    sleep_until(begun + Duration::from_secs(35)).await;
    scene.world().heal(&link).await?;
    for entry in scene.chronicle().entries(scene.name(), begun) {
        let given_up = entry.verdicts.iter().find(|(_, verdict)| **verdict == Verdict::Degraded);
        ensure!(given_up.is_none(), "{} gave up {given_up:?}\n{}", entry.gateway, scene.tell(begun));
    }
    for entry in scene.chronicle().answers(scene.name(), begun) {
        let stays = matches!(&entry.answer, Ok((region, _)) if region == "shenzhen");
        ensure!(stays, "{} answered {:?}\n{}", entry.gateway, entry.answer, scene.tell(begun));
    }
    let records = load.stop().await;
    ensure!(records.totals.lost + records.totals.wrong == 0, "{}", records.complaints());
    Ok(())
}
