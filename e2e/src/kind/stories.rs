//! What is told on kind: the seed's YAML federated, and failovers by latency, by a gateway's pod that dies, by a node that is
//! paused, without the hub; and every time traffic comes home.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::ListParams;
use spillway_crds::{FederatedIngress, RegionPriority, RegionPrioritySpec};
use spillway_decide::verdict::Verdict;
use tokio::time::Instant;

use super::Federation;
use super::people::People;
use crate::backend::Behaviour;
use crate::chart::root;
use crate::load::dns;
use crate::story::{apply, federated_ingress, region_priority};
use crate::wait::wait_until;

const HOST: &str = "kind.story.test";
const NAME: &str = "api-gateway";
const PATIENCE: Duration = Duration::from_secs(90);

/// Tells all of it.
pub async fn tell(federation: &Federation) -> Result<()> {
    federation.is_whole().await?;
    seed(federation).await.context("the seed's YAML")?;
    set(federation).await.context("the scene")?;
    latency(federation, "latency").await?;
    killed_pod(federation).await?;
    gone_gateway(federation).await?;
    paused_node(federation).await?;
    federation.hub.pause().await?;
    let without_hub = latency(federation, "latency, hub down").await;
    federation.hub.unpause().await?;
    without_hub
}

/// `examples/gov-portal.yaml`, as it stands, is on every member and served there.
async fn seed(federation: &Federation) -> Result<()> {
    let text = std::fs::read_to_string(root().join("examples/gov-portal.yaml"))?;
    let began = Instant::now();
    federation.hub.kubectl(&["apply", "-f", "-"], &text).await?;
    for member in &federation.members {
        let copies: Api<Ingress> = Api::default_namespaced(member.client.clone());
        wait_until(PATIENCE, "the copy", async || Ok(copies.get("gov-portal").await?)).await?;
        let door = std::net::SocketAddrV4::new(member.address, 80);
        wait_until(PATIENCE, &format!("{} to serve the seed", member.role), async || {
            let visit = crate::story::visit_at(door, "portal.gov-prod.cn", "/api/hello").await?;
            ensure!(visit.status == 200 && visit.served.is_some(), "{visit:?}");
            Ok(())
        })
        .await?;
    }
    println!("seed: served by every member {:.1} s after it was applied", began.elapsed().as_secs_f64());
    Ok(())
}

/// A host of our own, whose regions act within seconds.
async fn set(federation: &Federation) -> Result<()> {
    let regions: Vec<String> = federation.members.iter().map(|member| member.role.clone()).collect();
    let witness = format!("{}:6443", federation.hub.address);
    let priority = region_priority("kind", &regions, |spec| brisk(spec, witness));
    let hub = federation.hub.client.clone();
    apply(&Api::<RegionPriority>::all(hub.clone()), "kind", &priority).await?;
    let ingress = federated_ingress(NAME, HOST, "/api/", "kind")?;
    apply(&Api::<FederatedIngress>::namespaced(hub, "default"), NAME, &ingress).await?;
    home(federation, Instant::now()).await.map(drop)
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

/// shenzhen is slow: its arrivals go to chengdu, and home again. Nobody is lost.
async fn latency(federation: &Federation, what: &str) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    federation.app("shenzhen", |app| app.latency = 2000.into()).await?;
    let away =
        given_up(federation, began, &["shenzhen", "chengdu"]).await.with_context(|| what.to_owned())?;
    let healed = Instant::now();
    federation.app("shenzhen", |app| *app = Behaviour::default()).await?;
    let back = home(federation, healed).await.with_context(|| what.to_owned())?;
    told(what, &people, began, away, back, Some(0))
}

/// The pod is killed without grace; Kubernetes makes another one. It serves again, and nothing stays away.
async fn killed_pod(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let before = gateways(federation).await?;
    let began = Instant::now();
    let gateway = "app.kubernetes.io/component=gateway";
    let kill = ["-n", "spillway-system", "delete", "pod", "-l", gateway, "--grace-period=0", "--force"];
    federation.member("shenzhen")?.kubectl(&kill, "").await?;
    wait_until(PATIENCE, "another pod", async || {
        let now = gateways(federation).await?;
        ensure!(now.len() == 1 && now != before, "{now:?}, before {before:?}");
        Ok(())
    })
    .await?;
    let back = home(federation, began).await.context("a killed pod")?;
    told("killed pod", &people, began, Duration::ZERO, back, None)
}

/// The UIDs of shenzhen's gateways that are ready.
async fn gateways(federation: &Federation) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::namespaced(federation.member("shenzhen")?.client.clone(), "spillway-system");
    let ours = ListParams::default().labels("app.kubernetes.io/component=gateway");
    let ready = |pod: &Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    Ok(pods.list(&ours).await?.items.into_iter().filter(ready).filter_map(|pod| pod.metadata.uid).collect())
}

/// There is no gateway in shenzhen any more: chengdu gives the region up, and people who ask again are served there.
async fn gone_gateway(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let shenzhen = federation.member("shenzhen")?;
    let scale = |replicas: &str| {
        ["-n", "spillway-system", "scale", "deployment/spillway-gateway", replicas].map(str::to_owned)
    };
    let began = Instant::now();
    let words = scale("--replicas=0");
    shenzhen.kubectl(&words.each_ref().map(String::as_str), "").await?;
    let away = given_up(federation, began, &["chengdu"]).await.context("no gateway")?;
    let healed = Instant::now();
    let words = scale("--replicas=1");
    shenzhen.kubectl(&words.each_ref().map(String::as_str), "").await?;
    let back = home(federation, healed).await.context("a gateway again")?;
    told("no gateway", &people, began, away, back, None)
}

/// The whole node is frozen, and thawed.
async fn paused_node(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    federation.member("shenzhen")?.pause().await?;
    let away = given_up(federation, began, &["chengdu"]).await;
    federation.member("shenzhen")?.unpause().await?;
    let away = away.context("a paused node")?;
    let back = home(federation, Instant::now()).await.context("a node that goes on")?;
    told("paused node", &people, began, away, back, None)
}

/// Waits until the gateways of `by` see shenzhen Degraded and their DNS answers with chengdu.
async fn given_up(federation: &Federation, began: Instant, by: &[&str]) -> Result<Duration> {
    for gateway in by {
        wait_until(PATIENCE, &format!("{gateway} to give shenzhen up"), async || {
            let state = federation.state(gateway).await?;
            let view = state.priorities.get("kind").context("no priority")?;
            let seen = view.regions.get("shenzhen").context("no shenzhen")?;
            ensure!(seen.verdict == Verdict::Degraded, "{:?}: {}", seen.verdict, seen.reason);
            answers(federation, gateway, "chengdu").await
        })
        .await?;
    }
    Ok(began.elapsed())
}

/// Waits until every gateway sees every region Healthy, and answers and serves with shenzhen.
async fn home(federation: &Federation, since: Instant) -> Result<Duration> {
    for member in &federation.members {
        let gateway = &member.role;
        wait_until(PATIENCE, &format!("{gateway} to be at home"), async || {
            let state = federation.state(gateway).await?;
            let view = state.priorities.get("kind").context("no priority")?;
            let ill = view.regions.iter().find(|(_, seen)| seen.verdict != Verdict::Healthy);
            ensure!(ill.is_none(), "{ill:?}");
            ensure!(view.shares.get("shenzhen") == Some(&100), "{:?}: {}", view.shares, view.shares_reason);
            answers(federation, gateway, "shenzhen").await
        })
        .await?;
    }
    Ok(since.elapsed())
}

async fn answers(federation: &Federation, gateway: &str, region: &str) -> Result<()> {
    let server = (federation.member(gateway)?.address, 53).into();
    let answer = dns::ask(Ipv4Addr::UNSPECIFIED, server, HOST, Duration::from_millis(800)).await?;
    let door = federation.member(region)?.address;
    ensure!(answer.addresses.contains(&door.into()), "{gateway} answers {:?}", answer.addresses);
    Ok(())
}

fn people(federation: &Federation) -> People {
    let doors: Vec<Ipv4Addr> = federation.members.iter().map(|member| member.address).collect();
    People::begin(&doors, HOST, 4)
}

/// One line of what happened; an error if more people were lost than may be.
fn told(
    what: &str,
    people: &People,
    began: Instant,
    away: Duration,
    back: Duration,
    may_lose: Option<usize>,
) -> Result<()> {
    let visits = people.since(began);
    let lost: Vec<&String> = visits.iter().filter_map(|visit| visit.served.as_ref().err()).collect();
    let (away, back) = (away.as_secs_f64(), back.as_secs_f64());
    println!(
        "{what}: given up after {away:.1} s, home {back:.1} s later; {} visits, {} lost",
        visits.len(),
        lost.len()
    );
    if let Some(most) = may_lose {
        ensure!(lost.len() <= most, "{what}: {} were lost, the first: {:?}", lost.len(), lost.first());
    }
    Ok(())
}
