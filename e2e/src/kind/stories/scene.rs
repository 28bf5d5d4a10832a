//! The scene: a host of our own whose regions act within seconds, the people who visit it, and what is waited for.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use spillway_crds::{FederatedIngress, RegionPriority, RegionPrioritySpec};
use spillway_decide::verdict::Verdict;
use tokio::time::Instant;

use crate::chart::root;
use crate::kind::Federation;
use crate::kind::people::{People, Visited};
use crate::load::dns;
use crate::story::{apply, federated_ingress, region_priority, visit_at};
use crate::wait::wait_until;

/// The RegionPriority of the scene.
pub(super) const PRIORITY: &str = "kind";
/// For how long anything is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// The host that people visit.
pub(in crate::kind) const HOST: &str = "kind.story.test";
const NAME: &str = "api-gateway";

/// Declares it, and waits until it is served.
pub(super) async fn set(federation: &Federation) -> Result<()> {
    declare(federation, |_| ()).await?;
    let hub = federation.hub.client.clone();
    let ingress = federated_ingress(NAME, HOST, "/api/", PRIORITY)?;
    apply(&Api::<FederatedIngress>::namespaced(hub, "default"), NAME, &ingress).await?;
    home(federation, Instant::now()).await.map(drop)
}

/// Declares its RegionPriority, changed.
pub(super) async fn declare(
    federation: &Federation,
    change: impl FnOnce(&mut RegionPrioritySpec),
) -> Result<()> {
    let regions: Vec<String> = federation.members.iter().map(|member| member.role.clone()).collect();
    let witness = format!("{}:6443", federation.hub.address);
    let priority = region_priority(PRIORITY, &regions, |spec| {
        brisk(spec, witness);
        change(spec);
    });
    apply(&Api::<RegionPriority>::all(federation.hub.client.clone()), PRIORITY, &priority).await
}

fn brisk(spec: &mut RegionPrioritySpec, witness: String) {
    spec.health.hold_seconds = 6;
    spec.health.window_seconds = 4;
    spec.health.unreachable_hold_seconds = 3;
    spec.recovery.hold_seconds = 4;
    spec.recovery.max_hold_seconds = 8;
    spec.recovery.steps_percent = vec![50, 100];
    spec.recovery.step_seconds = 2;
    spec.dns.ttl_seconds = 5;
    spec.dns.suspect_ttl_seconds = 2;
    spec.witnesses = vec![witness];
}

/// `examples/gov-portal.yaml`, as it stands, is on every member and served there.
pub(super) async fn seed(federation: &Federation) -> Result<()> {
    let began = Instant::now();
    apply_seed(federation).await?;
    for member in &federation.members {
        let copies: Api<Ingress> = Api::default_namespaced(member.client.clone());
        wait_until(PATIENCE, "the copy", async || Ok(copies.get("gov-portal").await?)).await?;
        serves_seed(Federation::door(member), &member.role).await?;
    }
    println!("seed: served by every member {:.1} s after it was applied", began.elapsed().as_secs_f64());
    Ok(())
}

/// Applies the seed's YAML on the hub.
pub(super) async fn apply_seed(federation: &Federation) -> Result<()> {
    let text = std::fs::read_to_string(root().join("examples/gov-portal.yaml"))?;
    federation.hub.kubectl(&["apply", "-f", "-"], &text).await.map(drop)
}

/// Waits until a front door serves the seed, whichever region it asks for that.
pub(super) async fn serves_seed(door: SocketAddrV4, who: &str) -> Result<()> {
    wait_until(PATIENCE, &format!("{who} to serve the seed"), async || {
        let visit = visit_at(door, "portal.gov-prod.cn", "/api/hello").await?;
        ensure!(visit.status == 200 && visit.served.is_some(), "{visit:?}");
        Ok(())
    })
    .await
}

/// Waits until the gateways of `by` see shenzhen Degraded and their DNS answers with chengdu.
pub(super) async fn given_up(federation: &Federation, began: Instant, by: &[&str]) -> Result<Duration> {
    for gateway in by {
        wait_until(PATIENCE, &format!("{gateway} to give shenzhen up"), async || {
            let state = federation.state(gateway).await?;
            let view = state.priorities.get(PRIORITY).context("no priority")?;
            let seen = view.regions.get("shenzhen").context("no shenzhen")?;
            ensure!(seen.verdict == Verdict::Degraded, "{:?}: {}", seen.verdict, seen.reason);
            answers(federation, gateway, "chengdu").await
        })
        .await?;
    }
    Ok(began.elapsed())
}

/// Waits until every gateway sees every region Healthy, and answers and serves with shenzhen.
pub(super) async fn home(federation: &Federation, since: Instant) -> Result<Duration> {
    for member in &federation.members {
        let gateway = &member.role;
        wait_until(PATIENCE, &format!("{gateway} to be at home"), async || {
            let state = federation.state(gateway).await?;
            let view = state.priorities.get(PRIORITY).context("no priority")?;
            let ill = view.regions.iter().find(|(_, seen)| seen.verdict != Verdict::Healthy);
            ensure!(ill.is_none(), "{ill:?}");
            ensure!(view.shares.get("shenzhen") == Some(&100), "{:?}: {}", view.shares, view.shares_reason);
            answers(federation, gateway, "shenzhen").await
        })
        .await?;
    }
    Ok(since.elapsed())
}

/// An error unless this gateway's DNS answers with that region.
pub(super) async fn answers(federation: &Federation, gateway: &str, region: &str) -> Result<()> {
    let server = Federation::dns(federation.member(gateway)?);
    let answer = dns::ask(Ipv4Addr::UNSPECIFIED, server, HOST, Duration::from_millis(800)).await?;
    let door = federation.member(region)?.address;
    ensure!(answer.addresses.contains(&door.into()), "{gateway} answers {:?}", answer.addresses);
    Ok(())
}

/// Four people, who go on until they are dropped.
pub(super) fn people(federation: &Federation) -> People {
    People::begin(&federation.doors(), HOST, 4)
}

/// How long it took until the others gave the region up, and, from its healing on, until all was as before.
pub(super) fn there_and_back(away: Duration, back: Duration) -> String {
    format!("given up after {:.1} s, home {:.1} s later", away.as_secs_f64(), back.as_secs_f64())
}

/// One line of what happened; an error if more people were lost than may be.
pub(super) fn told(
    what: &str,
    people: &People,
    began: Instant,
    took: &str,
    may_lose: Option<usize>,
) -> Result<()> {
    let visits = people.since(began);
    let lost: Vec<String> = visits.iter().filter_map(|visit| complaint(visit, began)).collect();
    println!("{what}: {took}; {} visits, {} lost", visits.len(), lost.len());
    if let Some(most) = may_lose {
        ensure!(lost.len() <= most, "{what}: {} were lost: {}", lost.len(), lost.join("; "));
    }
    Ok(())
}

/// What a visitor who was lost has to say, and how long after the beginning he came.
fn complaint(visit: &Visited, began: Instant) -> Option<String> {
    let error = visit.served.as_ref().err()?;
    Some(format!("after {:.1} s, {error}", visit.at.duration_since(began).as_secs_f64()))
}
