//! What breaks in shenzhen, and heals.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
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
    told("killed pod", &people, began, &format!("home after {:.1} s", back.as_secs_f64()), None)
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
    told("no gateway", &people, began, &there_and_back(away, back), None)
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
