//! Story 5: the hub's controller and API server are dead, and stories 2 to 4 are the same.
//!
//! The scenes are set while the hub lives; then it is killed, and every fault comes after that.

use anyhow::{Result, anyhow};
use spillway_e2e::story::Stage;
use spillway_e2e::world::{HUB, Process};

use crate::recovery::{brisk, home_and_relapse};
use crate::slow_region::{failing, long_fault, short_fault, slow};
use crate::time_to_live::answers_follow;
use crate::worlds::alone;

#[test]
fn s05_a_dead_hub_changes_nothing() {
    alone("without-hub", tell_all);
}

async fn tell_all(stage: Stage) -> Result<()> {
    let short = stage.scene("slow-29", |_| {}).await?;
    let long = stage.scene("slow-31", |_| {}).await?;
    let errors = stage.scene("errors-31", |_| {}).await?;
    let ttl = stage.scene("ttl", brisk).await?;
    let home = stage.scene("recovery", brisk).await?;
    stage.world.kill(&Process::Controller(0)).await?;
    stage.world.kill(&Process::ControlPlane(HUB.to_owned())).await?;
    let (short, long, errors, ttl, home) = tokio::join!(
        short_fault(&short, slow),
        long_fault(&long, slow),
        long_fault(&errors, failing),
        answers_follow(&ttl),
        home_and_relapse(&home),
    );
    let failed: Vec<_> = [short, long, errors, ttl, home].into_iter().filter_map(Result::err).collect();
    let told = failed.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("\n\n");
    if failed.is_empty() { Ok(()) } else { Err(anyhow!("with the hub dead:\n{told}")) }
}
