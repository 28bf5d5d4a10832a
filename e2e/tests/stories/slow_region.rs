//! Story 2: thirty seconds of a broken promise shift traffic, twenty-nine do not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use spillway_decide::verdict::Verdict;
use spillway_e2e::backend::Behaviour;
use spillway_e2e::load::Records;
use spillway_e2e::story::{Entry, Scene};
use tokio::time::{Instant, sleep_until};

use crate::worlds::with_hub;

/// How fast clients ask: from 100 requests a second on, the hold is exact to a second.
const RATE: f64 = 100.0;

/// The longest time between a fault and its first bad sample, and between a decision and the chronicle's entry.
const SLACK: Duration = Duration::from_millis(2500);

#[test]
fn s02_latency_for_29_seconds_shifts_nothing() {
    with_hub(async |stage| short_fault(&stage.scene("slow-29", |_| {}).await?, slow).await);
}

#[test]
fn s02_latency_for_more_than_30_seconds_shifts_by_the_steps() {
    with_hub(async |stage| long_fault(&stage.scene("slow-31", |_| {}).await?, slow).await);
}

#[test]
fn s02_errors_for_29_seconds_shift_nothing() {
    with_hub(async |stage| short_fault(&stage.scene("errors-29", |_| {}).await?, failing).await);
}

#[test]
fn s02_errors_for_more_than_30_seconds_shift_by_the_steps() {
    with_hub(async |stage| long_fault(&stage.scene("errors-31", |_| {}).await?, failing).await);
}

/// Every answer takes longer than the bound of 1500 ms.
pub(crate) fn slow(behaviour: &mut Behaviour) {
    behaviour.latency = 2000.into();
}

/// One request in three fails; the bound is 5 %.
pub(crate) fn failing(behaviour: &mut Behaviour) {
    behaviour.error_rate = 0.3;
}

/// The fault lasts 29 s, then the window forgets it: nobody was Degraded, nothing moved, nothing was lost.
pub(crate) async fn short_fault(scene: &Scene, fault: fn(&mut Behaviour)) -> Result<()> {
    let load = scene.load(RATE).await?;
    let begun = scene.change("shenzhen", fault).await?.onset;
    sleep_until(begun + Duration::from_secs(29)).await;
    scene.heal("shenzhen").await?;
    let ended = Instant::now();
    scene
        .until("Suspected", "shenzhen", begun, Duration::from_secs(29), |entry| is(entry, Verdict::Suspected))
        .await?;
    scene
        .until("Healthy again", "shenzhen", ended, Duration::from_secs(20), |entry| {
            is(entry, Verdict::Healthy)
        })
        .await?;
    let entries = scene.chronicle().entries(scene.name(), begun);
    let moved = entries.iter().find(|entry| is(entry, Verdict::Degraded) || entry.share("shenzhen") != 100);
    ensure!(moved.is_none(), "29 s moved something: {moved:?}\n{}", scene.tell(begun));
    let records = load.stop().await;
    let elsewhere =
        records.requests.iter().filter(|record| served_elsewhere(record.served.as_deref())).count();
    ensure!(elsewhere == 0, "{elsewhere} requests were served elsewhere\n{}", scene.tell(begun));
    told(scene, &records, "29 s shifted nothing");
    Ok(())
}

/// The fault stays: Degraded after 30 s of evidence, then the steps of the YAML, a second apart.
pub(crate) async fn long_fault(scene: &Scene, fault: fn(&mut Behaviour)) -> Result<()> {
    let load = scene.load(RATE).await?;
    let begun = scene.change("shenzhen", fault).await?.onset;
    let (shift, until) = (shift_of(scene, begun).await?, Duration::from_secs(45));
    let after = shift.degraded - begun;
    ensure!(
        after >= Duration::from_secs(30) && after <= Duration::from_secs(30) + SLACK + SLACK,
        "Degraded {after:?} after the onset\n{}",
        scene.tell(begun)
    );
    for (step, at) in [(65, shift.at_65), (100, shift.at_100)] {
        let expected = Duration::from_secs(if step == 65 { 1 } else { 2 });
        let took = at - shift.degraded;
        ensure!(
            took.abs_diff(expected) < Duration::from_millis(600),
            "{step} % after {took:?}\n{}",
            scene.tell(begun)
        );
    }
    for gateway in scene.world().regions() {
        scene.until_dns(gateway, begun, until, "chengdu", 5).await?;
    }
    // A little longer, so that clients whose answer was from before the suspicion have asked again.
    sleep_until(shift.at_100 + Duration::from_secs(6)).await;
    let settled = shift.at_100 + Duration::from_millis(500);
    let offset = settled.duration_since(Instant::from_std(load.started()));
    let records = load.stop().await;
    let stayed: Vec<_> = records
        .requests
        .iter()
        .filter(|r| r.sent_at > offset && r.served.as_deref() != Some("chengdu"))
        .collect();
    ensure!(
        stayed.is_empty(),
        "{} requests stayed, the first: {:?}\n{}",
        stayed.len(),
        stayed.first(),
        scene.tell(begun)
    );
    told(scene, &records, &format!("Degraded {:.1} s after the onset", after.as_secs_f64()));
    Ok(())
}

/// When shenzhen was given up, and when its arrivals reached each step.
struct Shift {
    degraded: Instant,
    at_65: Instant,
    at_100: Instant,
}

async fn shift_of(scene: &Scene, begun: Instant) -> Result<Shift> {
    let deadline = Duration::from_secs(45);
    let at = async |what: &str, matches: &dyn Fn(&Entry) -> bool| {
        scene.until(what, "shenzhen", begun, deadline, matches).await.map(|entry| entry.at)
    };
    let spilt = |percent: u32| move |entry: &Entry| entry.share("chengdu") == percent;
    at("Suspected", &|entry| is(entry, Verdict::Suspected)).await?;
    let degraded = at("Degraded", &|entry| is(entry, Verdict::Degraded)).await?;
    at("10 %", &spilt(10)).await.context("the first step")?;
    Ok(Shift { degraded, at_65: at("65 %", &spilt(65)).await?, at_100: at("100 %", &spilt(100)).await? })
}

fn is(entry: &Entry, verdict: Verdict) -> bool {
    entry.verdict("shenzhen") == verdict
}

fn served_elsewhere(served: Option<&str>) -> bool {
    served.is_some_and(|region| region != "shenzhen")
}

fn told(scene: &Scene, records: &Records, what: &str) {
    let totals = &records.totals;
    println!(
        "{}: {what}; {} requests, {} lost, {} wrong",
        scene.name(),
        totals.sent,
        totals.lost,
        totals.wrong
    );
}
