//! What breaks in shenzhen, and heals.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::scene::{PATIENCE, given_up, home, people, there_and_back, told};
use crate::backend::Behaviour;
use crate::kind::Federation;
use crate::wait::wait_until;

/// shenzhen is slow: its arrivals go to chengdu, and home again. Nobody is lost.
pub(super) async fn latency(federation: &Federation, what: &str) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    federation.app("shenzhen", |app| app.latency = 2000.into()).await?;
    let away =
        given_up(federation, began, &["shenzhen", "chengdu"]).await.with_context(|| what.to_owned())?;
    let healed = Instant::now();
    federation.app("shenzhen", |app| *app = Behaviour::default()).await?;
    let back = home(federation, healed).await.with_context(|| what.to_owned())?;
    told(what, &people, began, &there_and_back(away, back), Some(0))
}

/// The pod is killed without grace; Kubernetes makes another one. It serves again, and nothing stays away.
pub(super) async fn killed_pod(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    killed(federation, 1).await?;
    let back = home(federation, began).await.context("a killed pod")?;
    told("killed pod", &people, began, &format!("home after {:.1} s", back.as_secs_f64()), None)
}

/// Kills one of shenzhen's gateways, of which there are so many, and waits until another one is ready.
pub(super) async fn killed(federation: &Federation, count: usize) -> Result<()> {
    let before = gateways(federation, count).await?;
    let victim = before.first().context("no gateway")?;
    let kill = ["-n", "spillway-system", "delete", "pod", victim, "--grace-period=0", "--force"];
    federation.member("shenzhen")?.kubectl(&kill, "").await?;
    wait_until(PATIENCE, "another pod", async || {
        let now = gateways(federation, count).await?;
        ensure!(!now.contains(victim), "{now:?}");
        Ok(())
    })
    .await
}

/// The names of shenzhen's gateways that are ready, as soon as there are so many.
pub(super) async fn gateways(federation: &Federation, count: usize) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::namespaced(federation.member("shenzhen")?.client.clone(), "spillway-system");
    let ours = ListParams::default().labels("app.kubernetes.io/component=gateway");
    wait_until(PATIENCE, &format!("{count} gateways"), async || {
        let now: Vec<String> = pods
            .list(&ours)
            .await?
            .items
            .iter()
            .filter(|pod| is_ready(pod))
            .map(ResourceExt::name_any)
            .collect();
        ensure!(now.len() == count, "{now:?}");
        Ok(now)
    })
    .await
}

/// Whether it is, and stays: one that was told to end is ready for a while.
fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// There is no gateway in shenzhen any more: chengdu gives the region up while the last gateway still serves, and nobody is lost.
pub(super) async fn no_gateway(federation: &Federation) -> Result<()> {
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
    told("no gateway", &people, began, &there_and_back(away, back), Some(0))
}

/// The whole node is frozen, and thawed.
pub(super) async fn paused_node(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    federation.member("shenzhen")?.pause().await?;
    let away = given_up(federation, began, &["chengdu"]).await;
    federation.member("shenzhen")?.unpause().await?;
    let away = away.context("a paused node")?;
    let back = home(federation, Instant::now()).await.context("a node that goes on")?;
    told("paused node", &people, began, &there_and_back(away, back), None)
}

/// The node is taken off the net, and put back: its gateway goes on, and reaches nobody.
pub(super) async fn disconnected(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    federation.member("shenzhen")?.disconnect().await?;
    let away = given_up(federation, began, &["chengdu"]).await;
    federation.member("shenzhen")?.connect().await?;
    let away = away.context("a disconnected network")?;
    let back = home(federation, Instant::now()).await.context("a network again")?;
    told("disconnected network", &people, began, &there_and_back(away, back), None)
}

/// The same as with the hub: nothing of it is needed.
pub(super) async fn hub_down(federation: &Federation) -> Result<()> {
    federation.hub.pause().await?;
    let without_hub = latency(federation, "latency, hub down").await;
    federation.hub.unpause().await?;
    without_hub
}
