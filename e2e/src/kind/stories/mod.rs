//! What is told on kind: the seed's YAML federated; failovers by faults of backends, pods, nodes and networks, and every time
//! traffic comes home; and the chart's life under traffic.
//!
//! - [`faults`]: what breaks, and heals
//! - [`life`]: upgrade, rollback, the hub as a member, uninstall
//! - [`scene`]: the host that people visit, and what is waited for

mod faults;
mod life;
mod scene;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::Federation;

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
    /// `helm upgrade` of the hub and of a member.
    Upgrade,
    /// `helm rollback` of both.
    Rollback,
    /// The hub is a member, too, for a while.
    InPlace,
    /// A member leaves, then the hub: `helm uninstall`. Nothing can be told after it.
    Uninstall,
}

/// Tells these stories. The first that fails is the last.
pub async fn tell(federation: &Federation, stories: &[Story]) -> Result<()> {
    federation.is_whole().await?;
    scene::set(federation).await.context("the scene")?;
    for story in Story::value_variants().iter().filter(|story| stories.contains(story)) {
        one(federation, *story).await.with_context(|| format!("{story:?}"))?;
    }
    println!("e2e: {} of {} stories told, all passed", stories.len(), Story::value_variants().len());
    Ok(())
}

async fn one(federation: &Federation, story: Story) -> Result<()> {
    match story {
        Story::Seed => scene::seed(federation).await,
        Story::Latency => faults::latency(federation, "latency").await,
        Story::KilledPod => faults::killed_pod(federation).await,
        Story::NoGateway => faults::no_gateway(federation).await,
        Story::PausedNode => faults::paused_node(federation).await,
        Story::Disconnected => faults::disconnected(federation).await,
        Story::HubDown => faults::hub_down(federation).await,
        Story::Upgrade => life::upgrade(federation).await,
        Story::Rollback => life::rollback(federation).await,
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
    let names = Story::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    names.map(|name| name.get_name().to_owned()).collect::<Vec<_>>().join(", ")
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
}
