//! Story 11: the hub is dead, and an operator drains the active region at one gateway. All gateways and their DNS follow;
//! when the command ends, traffic comes home. Without a credential nobody commands.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::Value;
use spillway_e2e::story::{Scene, Stage, visit};
use spillway_e2e::world::{HUB, Process, wait_until};
use tokio::time::Instant;

use crate::worlds::in_turn;

const PATIENCE: Duration = Duration::from_secs(20);
/// How long the drain lasts: longer than a busy machine takes to see it followed.
const DRAIN_SECONDS: u64 = 45;

#[test]
fn s11_a_command_at_one_gateway_is_followed_by_all_with_the_hub_dead() {
    in_turn(commands_without_hub);
}

async fn commands_without_hub(stage: Stage) -> Result<()> {
    let scene = stage.scene("commanded", |_| {}).await?;
    let world = &stage.world;
    let credential = world.kubectl_spillway_says(&["credential", "alice", "--for", "1h"]).await?;
    let file = world.dir().join("alice.json");
    std::fs::write(&file, &credential)?;
    explained_and_foreseen(&scene).await?;
    world.kill(&Process::Controller(0)).await?;
    world.kill(&Process::ControlPlane(HUB.to_owned())).await?;

    nobody_commands_without_a_credential(&scene, &credential).await?;
    let begin = Instant::now();
    drained_everywhere(&scene, &file, begin).await?;
    home_again(&scene, begin).await
}

/// While the hub lives: where traffic is and why, and what would happen.
async fn explained_and_foreseen(scene: &Scene) -> Result<()> {
    let (world, name) = (scene.world(), format!("default/{}", scene.name()));
    wait_until(PATIENCE, "the hub to know who serves", || async {
        let told = world.kubectl_spillway_says(&["explain", "ingress", &name]).await?;
        ensure!(told.contains("shenzhen serves it, the first choice of RegionPriority commanded"), "{told}");
        ensure!(told.contains("changes    for 30 s: P95 over 1500 ms"), "{told}");
        Ok(())
    })
    .await?;
    let simulate = ["simulate", "shenzhen", "--latency", "4000", "--priority", scene.name()];
    let foreseen = world.kubectl_spillway_says(&simulate).await?;
    for part in
        ["Suspected -> Degraded", "100 % spills to chengdu", "DNS answers chengdu", "Recovering -> Healthy"]
    {
        ensure!(foreseen.contains(part), "no {part:?} in\n{foreseen}");
    }
    println!("commands: what a slow shenzhen would lead to:\n{foreseen}");
    let completion = world.kubectl_spillway_says(&["completion", "bash"]).await?;
    ensure!(completion.contains("kubectl-spillway"), "{completion}");
    Ok(())
}

fn drain<'a>(scene: &'a Scene, gateway: &'a str, seconds: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["drain", "shenzhen", "--for", seconds, "--reason", "maintenance", "-o", "json"];
    arguments.extend(["--priority", scene.name(), "--gateway", gateway]);
    arguments
}

fn beijing(scene: &Scene) -> Result<String> {
    Ok(format!("{}:{}", scene.world().front_door("beijing")?, scene.world().ports().spill))
}

async fn nobody_commands_without_a_credential(scene: &Scene, credential: &str) -> Result<()> {
    let (world, gateway) = (scene.world(), beijing(scene)?);
    let forged = world.dir().join("mallory.json");
    std::fs::write(&forged, forge(credential)?)?;
    let forged = forged.display().to_string();
    for (credential, said) in [
        (None, "if the hub is down, use --credential FILE"),
        (Some(forged.as_str()), "no gateway took the command"),
    ] {
        let mut arguments = drain(scene, &gateway, "60s");
        arguments.extend(credential.into_iter().flat_map(|file| ["--credential", file]));
        let output = world.kubectl_spillway(&arguments).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "{arguments:?}: {output:?}");
        ensure!(complaint.starts_with("error: ") || complaint.contains("\nerror: "), "{complaint}");
        ensure!(complaint.contains(said), "{complaint:?} does not say {said:?}");
    }
    for region in world.regions() {
        // What another story ended is kept for a while, so that nobody brings it back.
        let mut commands = world.gateway_state(region).await?.commands;
        commands.retain(|command| !command.revoked);
        ensure!(commands.is_empty(), "{region} follows {commands:?}");
    }
    Ok(())
}

/// The same name, by a CA of one's own.
fn forge(credential: &str) -> Result<String> {
    let mut credential: Value = serde_json::from_str(credential)?;
    let federation = credential["federation"].as_str().context("a federation")?;
    let name = format!("spiffe://{federation}/operator/alice");
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(name.as_str().try_into()?)];
    let key = KeyPair::generate()?;
    credential["certificate"] = params.self_signed(&key)?.pem().into();
    credential["key"] = key.serialize_pem().into();
    Ok(credential.to_string())
}

async fn drained_everywhere(scene: &Scene, file: &Path, begin: Instant) -> Result<()> {
    let (world, gateway, seconds) = (scene.world(), beijing(scene)?, format!("{DRAIN_SECONDS}s"));
    let mut arguments = drain(scene, &gateway, &seconds);
    let file = file.display().to_string();
    arguments.extend(["--credential", file.as_str()]);
    let told: Value = serde_json::from_str(&world.kubectl_spillway_says(&arguments).await?)?;
    let confirmed = told["gateways"].as_array().map_or(0, |gateways| {
        gateways.iter().filter(|gateway| gateway["confirmed"] == Value::Bool(true)).count()
    });
    ensure!(told["takenBy"] == "beijing" && confirmed == world.regions().len(), "{told}");
    for gateway in world.regions() {
        let followed = scene.until_dns(gateway, begin, PATIENCE, "chengdu", 30).await?;
        println!(
            "commands: {gateway} answers chengdu {:.1} s after the command was given",
            (followed - begin).as_secs_f64()
        );
        let away = |entry: &spillway_e2e::story::Entry| entry.share("chengdu") == 100;
        let entry = scene.until("all arrivals at chengdu", gateway, begin, PATIENCE, away).await?;
        let reason = entry.reasons.get("shenzhen").cloned().unwrap_or_default();
        ensure!(
            reason.starts_with("drained by alice until ") && reason.contains(": maintenance; "),
            "{reason}"
        );
    }
    let served = visit(world, "shenzhen", &scene.host(), "/api/hello").await?;
    ensure!(served.served.as_deref() == Some("chengdu"), "{served:?}");
    let listed = world.kubectl_spillway_says(&["commands", "--credential", &file]).await?;
    ensure!(listed.contains("drained") && listed.contains("alice"), "{listed}");
    Ok(())
}

async fn home_again(scene: &Scene, begin: Instant) -> Result<()> {
    let end = Duration::from_secs(DRAIN_SECONDS) + PATIENCE;
    for gateway in scene.world().regions() {
        wait_until(
            end.saturating_sub(begin.elapsed()),
            &format!("{gateway} to bring shenzhen's home"),
            || async {
                let entry = scene.latest(gateway).context("it shows nothing")?;
                ensure!(entry.share("shenzhen") == 100, "{}", scene.tell(begin));
                let answer =
                    scene.chronicle().latest_answer(scene.name(), gateway).context("no answer")?.answer;
                ensure!(answer == Ok(("shenzhen".to_owned(), 30)), "its DNS answers {answer:?}");
                Ok(())
            },
        )
        .await?;
    }
    let after = begin.elapsed();
    ensure!(after >= Duration::from_secs(DRAIN_SECONDS), "home after {after:?}, before the command's end");
    Ok(())
}
