//! Story 13: a game day. shenzhen plays slow by order of `kubectl spillway gameday`, its traffic leaves and comes home, and a
//! report says so; Ctrl-C ends the next one; without a person's yes none begins.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use spillway_crds::RegionPrioritySpec;
use spillway_decide::verdict::Verdict;
use spillway_e2e::story::{Scene, Stage};
use tokio::time::{Instant, timeout};

use crate::worlds::in_turn;

const PATIENCE: Duration = Duration::from_mins(1);
/// The fault, the recovery, and a busy machine.
const WHOLE: Duration = Duration::from_mins(4);

#[test]
fn s13_a_region_plays_ill_is_left_and_comes_home() {
    in_turn(game_days);
}

async fn game_days(stage: Stage) -> Result<()> {
    let scene = stage.scene("rehearsed", brisk).await?;
    let load = scene.load(20.0).await?;
    unasked(&scene).await?;
    watched_to_its_end(&scene).await?;
    interrupted(&scene).await?;
    drop(load);
    Ok(())
}

fn brisk(spec: &mut RegionPrioritySpec) {
    spec.health.hold_seconds = 5;
    spec.shift.step_seconds = 1;
    spec.recovery.hold_seconds = 5;
    spec.recovery.step_seconds = 1;
}

fn arguments<'a>(scene: &'a Scene, more: &[&'a str]) -> Vec<&'a str> {
    let fault = ["gameday", "shenzhen", "--latency", "4000", "--for", "40s", "--priority", scene.name()];
    [&fault[..], more].concat()
}

async fn unasked(scene: &Scene) -> Result<()> {
    let output = scene.world().kubectl_spillway(&arguments(scene, &[])).await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && complaint.contains("--yes"), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(told.contains("Suspected -> Degraded"), "it does not say what will happen: {told}");
    for region in scene.world().regions() {
        ensure!(
            scene.world().gateway_state(region).await?.commands.is_empty(),
            "{region} was ordered something"
        );
    }
    Ok(())
}

async fn watched_to_its_end(scene: &Scene) -> Result<()> {
    let begin = Instant::now();
    let mut command = scene.world().kubectl_spillway_command(&arguments(scene, &["--yes", "-o", "json"]))?;
    let output = timeout(WHOLE, command.output()).await.context("the game day does not end")??;
    let log = String::from_utf8_lossy(&output.stderr);
    println!("{log}");
    let outcome: Value = serde_json::from_slice(&output.stdout).with_context(|| log.clone().into_owned())?;
    ensure!(output.status.success() && outcome["ok"] == true, "{outcome:#}\n{log}\n{}", scene.tell(begin));
    let seen =
        |what: &str| outcome["observed"][what].as_f64().with_context(|| format!("no {what}: {outcome:#}"));
    let (degraded, left, recovered) = (seen("degraded")?, seen("left")?, seen("recovered")?);
    ensure!(degraded <= left && left < seen("ended")? && seen("outOfDns")? < recovered, "{outcome:#}");
    println!(
        "game day: Degraded after {degraded:.1} s, left after {left:.1} s, as before after {recovered:.1} s"
    );
    Ok(())
}

async fn interrupted(scene: &Scene) -> Result<()> {
    let begin = Instant::now();
    let mut command = scene.world().kubectl_spillway_command(&arguments(scene, &["--yes", "-o", "json"]))?;
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let degraded =
        |entry: &spillway_e2e::story::Entry| entry.verdicts.get("shenzhen") == Some(&Verdict::Degraded);
    scene.until("shenzhen Degraded", "shenzhen", begin, PATIENCE, degraded).await?;
    let id = child.id().context("the game day has ended already")?;
    kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGINT)?;
    let output = timeout(WHOLE, child.wait_with_output()).await.context("it does not end")??;
    let outcome: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.code() == Some(1) && outcome["aborted"] == "Ctrl-C", "{outcome:#}");
    ensure!(outcome["observed"]["recovered"].is_number(), "it did not come home: {outcome:#}");
    for region in scene.world().regions() {
        let commands = scene.world().gateway_state(region).await?.commands;
        ensure!(commands.iter().all(|command| command.revoked), "{region} still has {commands:?}");
    }
    Ok(())
}
