//! What is told on kind: the seed's YAML federated; failovers by faults of backends, pods, nodes and networks, and every time
//! traffic comes home; and the chart's life under traffic.
//!
//! - [`faults`]: what breaks, and heals
//! - [`several`]: two gateways in one region
//! - [`life`]: upgrade, rollback, the hub as a member, uninstall
//! - [`versions`]: to another version and back
//! - [`another_hub`]: the hub's cluster is lost
//! - [`scene`]: the host that people visit, and what is waited for

mod another_hub;
mod faults;
mod life;
mod scene;
mod several;
mod versions;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tokio::time::Instant;

use super::{Federation, Ledger};
pub(super) use scene::HOST;

/// One story. They are told in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Story {
    /// `examples/gov-portal.yaml`, as it stands, is served by every member.
    Seed,
    /// Backends are slow.
    Latency,
    /// The gateway's pod is killed.
    KilledPod,
    /// There is no gateway any more.
    NoGateway,
    /// Every process of the node is frozen.
    PausedNode,
    /// The node is off the net.
    Disconnected,
    /// Backends are slow, and there is no hub.
    HubDown,
    /// A region has two gateways for a while.
    TwoGateways,
    /// `helm upgrade` of the hub and of a member.
    Upgrade,
    /// `helm rollback` of both.
    Rollback,
    /// Another version of chart and programs on all clusters, and back.
    NewVersion,
    /// The hub's cluster is lost; a backup goes into another one.
    AnotherHub,
    /// The hub is a member, too, for a while.
    InPlace,
    /// A member leaves, then the hub: `helm uninstall`. Nothing can be told after it.
    Uninstall,
}

/// Tells these stories. The first that fails is the last.
pub async fn tell(federation: &mut Federation, ledger: &Ledger, stories: &[Story]) -> Result<()> {
    federation.is_whole().await?;
    scene::set(federation).await.context("the scene")?;
    for story in Story::value_variants().iter().filter(|story| stories.contains(story)) {
        let began = Instant::now();
        one(federation, ledger, *story).await.with_context(|| format!("{story:?}"))?;
        println!("  {}: told in {:.0} s", name(*story), began.elapsed().as_secs_f64());
    }
    println!("e2e: {} of {} stories told, all passed", stories.len(), Story::value_variants().len());
    Ok(())
}

async fn one(federation: &mut Federation, ledger: &Ledger, story: Story) -> Result<()> {
    match story {
        Story::Seed => scene::seed(federation).await,
        Story::Latency => faults::latency(federation, "latency").await,
        Story::KilledPod => faults::killed_pod(federation).await,
        Story::NoGateway => faults::no_gateway(federation).await,
        Story::PausedNode => faults::paused_node(federation).await,
        Story::Disconnected => faults::disconnected(federation).await,
        Story::HubDown => faults::hub_down(federation).await,
        Story::TwoGateways => several::two_gateways(federation).await,
        Story::Upgrade => life::upgrade(federation).await,
        Story::Rollback => life::rollback(federation).await,
        Story::NewVersion => versions::new_version(federation).await,
        Story::AnotherHub => another_hub::another_hub(federation, ledger).await,
        Story::InPlace => life::in_place(federation).await,
        Story::Uninstall => life::uninstall(federation).await,
    }
}

/// All stories; without the last where what was raised is to stay.
#[must_use]
pub fn all(keep: bool) -> Vec<Story> {
    let all = Story::value_variants().iter().copied();
    all.filter(|story| !keep || *story != Story::Uninstall).collect()
}

/// A named choice of stories.
pub fn chosen(names: &str, keep: bool) -> Result<Vec<Story>> {
    if names.is_empty() {
        return Ok(all(keep));
    }
    let mut chosen = Vec::new();
    for name in names.split(',') {
        let story = Story::from_str(name, true);
        chosen.push(
            story.map_err(|_| anyhow::anyhow!("STORIES: there is no {name:?}; there are {}", known()))?,
        );
    }
    ensure!(
        !keep || !chosen.contains(&Story::Uninstall),
        "STORIES: `uninstall` leaves nothing that KEEP could keep"
    );
    Ok(chosen)
}

fn known() -> String {
    Story::value_variants().iter().map(|story| name(*story)).collect::<Vec<_>>().join(", ")
}

fn name(story: Story) -> String {
    story.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_chosen_by_name() {
        assert_eq!(chosen("latency,no-gateway", false).unwrap(), [Story::Latency, Story::NoGateway]);
        assert!(chosen("", true).unwrap().iter().all(|story| *story != Story::Uninstall));
        for (names, keep, says) in [("flood", false, "killed-pod"), ("uninstall", true, "KEEP")] {
            let error = chosen(names, keep).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_quickstart_names_every_story() {
        let page = std::fs::read_to_string(crate::chart::root().join("docs/quickstart.md")).unwrap();
        let missing = Story::value_variants().iter().map(|story| format!("`{}`", name(*story)));
        let missing: Vec<_> = missing.filter(|name| !page.contains(name)).collect();
        assert!(missing.is_empty(), "docs/quickstart.md does not name {missing:?}");
    }
}
