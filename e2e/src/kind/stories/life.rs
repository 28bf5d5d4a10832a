//! The chart's life under traffic: what people notice of an upgrade, a rollback and an uninstall is nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::json;
use spillway_crds::FederatedIngress;
use spillway_crds::region_priority::Intent;
use tokio::time::Instant;

use super::scene::{PATIENCE, answers, apply_seed, declare, home, people, serves_seed, told};
use crate::kind::Federation;
use crate::kind::cluster::Cluster;
use crate::kind::install::{HTTP, SPILL, in_release, workload};
use crate::kind::people::People;
use crate::wait::wait_until;

/// What the chart made.
const OF_THE_CHART: &str = "app.kubernetes.io/part-of=spillway";
/// What the hub made: copies on members, Secrets, generated objects.
const OF_THE_HUB: &str = "app.kubernetes.io/managed-by=spillway";

/// The hub's release and shenzhen's get new pods, one after the other. Nobody is lost.
pub(super) async fn upgrade(federation: &Federation) -> Result<()> {
    exchanged(federation, "helm upgrade", true, |cluster, part| {
        federation.upgrade(cluster, &format!("{part}.podAnnotations.edition=second"))
    })
    .await
}

/// Back to the first revision of both. Nobody is lost.
pub(super) async fn rollback(federation: &Federation) -> Result<()> {
    exchanged(federation, "helm rollback", false, |cluster, _| {
        in_release(&federation.helm, cluster, &["rollback", "spillway", "1"])
    })
    .await
}

async fn exchanged(
    federation: &Federation,
    what: &str,
    second: bool,
    exchange: impl Fn(&Cluster, &str) -> Result<()>,
) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    for (cluster, part) in [(&federation.hub, "hub"), (federation.member("shenzhen")?, "member")] {
        exchange(cluster, part)?;
        rolled(cluster).await.with_context(|| format!("{what} of {}", cluster.role))?;
        let annotation = "jsonpath={.spec.template.metadata.annotations.edition}";
        let workload = workload(&cluster.role);
        let now = cluster.kubectl(&["-n", "spillway-system", "get", workload, "-o", annotation], "").await?;
        ensure!((now == "second") == second, "{what} of {}: edition {now:?}", cluster.role);
    }
    let new = began.elapsed().as_secs_f64();
    federation.is_whole().await?;
    home(federation, began).await?;
    told(what, &people, began, &format!("new pods of both after {new:.1} s"), Some(0))
}

/// Waits until all pods are of the newest kind.
pub(super) async fn rolled(cluster: &Cluster) -> Result<()> {
    let wait = ["-n", "spillway-system", "rollout", "status", workload(&cluster.role), "--timeout=90s"];
    cluster.kubectl(&wait, "").await.map(drop)
}

/// The hub's cluster becomes a member, serves the seed's host by a copy beside its source, and stops being one.
pub(super) async fn in_place(federation: &Federation) -> Result<()> {
    let (hub, began) = (&federation.hub, Instant::now());
    apply_seed(federation).await?;
    federation.in_place("beijing").await?;
    let door = Federation::door(hub);
    let front = json!({"addresses": [door.ip()], "httpPort": HTTP, "spillPort": SPILL});
    let member = json!({"apiVersion": "kube-federation.io/v1alpha1", "kind": "MemberCluster", "metadata": {"name": "hub"},
        "spec": {"region": "beijing", "connection": {"inPlace": {}}, "frontDoor": front}});
    hub.kubectl(&["apply", "-f", "-"], &member.to_string()).await?;
    serves_seed(door, "hub").await?;
    let ingresses: Api<Ingress> = Api::default_namespaced(hub.client.clone());
    let copy = ingresses.get("gov-portal-spillway").await.context("the copy beside the source")?;
    ensure!(copy.labels().get("app.kubernetes.io/managed-by").is_some_and(|by| by == "spillway"), "{copy:?}");
    println!("hub in place: a member that serves the seed after {:.1} s", began.elapsed().as_secs_f64());
    hub.kubectl(&["delete", "membercluster", "hub"], "").await?;
    // A member that leaves keeps its copies; with three regions the people's host has one here, too.
    hub.kubectl(&["delete", "ingress", "-A", "-l", OF_THE_HUB], "").await?;
    hub.kubectl(&["delete", "service,deployment", "-n", "default", "api-gateway", "--ignore-not-found"], "")
        .await?;
    federation.upgrade(hub, "")
}

/// shenzhen leaves: drained, unjoined, uninstalled. Then the hub goes, and chengdu serves on. Then chengdu and all that the
/// README says is left; and nothing is.
pub(super) async fn uninstall(federation: &Federation) -> Result<()> {
    let people = people(federation);
    let began = Instant::now();
    let shenzhen = federation.member("shenzhen")?;
    declare(federation, |spec| spec.regions[0].intent = Intent::Drained).await?;
    left(federation, &people, shenzhen).await?;
    leaves(federation, shenzhen).await?;
    let away = began.elapsed().as_secs_f64();
    in_release(&federation.helm, &federation.hub, &["uninstall", "spillway", "--wait"])?;
    gone(&federation.hub, &[OF_THE_CHART]).await?;
    serves_on(&people).await?;
    told("helm uninstall", &people, began, &format!("a member after {away:.1} s, then the hub"), Some(0))?;
    drop(people);
    for member in federation.members.iter().filter(|member| member.role != "shenzhen") {
        leaves(federation, member).await?;
    }
    the_rest(&federation.hub).await?;
    gone(&federation.hub, &[OF_THE_CHART, OF_THE_HUB]).await
}

/// Waits until DNS sends nobody to the member any more, and nobody goes there by an answer that he has kept.
async fn left(federation: &Federation, people: &People, member: &Cluster) -> Result<()> {
    wait_until(PATIENCE, &format!("DNS to leave {}", member.role), async || {
        for gateway in &federation.members {
            answers(federation, &gateway.role, "chengdu").await?;
        }
        Ok(())
    })
    .await?;
    let since = Instant::now();
    wait_until(PATIENCE, &format!("people to leave {}", member.role), async || {
        let recent =
            people.since(Instant::now().checked_sub(Duration::from_secs(2)).unwrap_or(since).max(since));
        let there = recent.iter().filter(|visit| visit.door == Some(member.address)).count();
        ensure!(recent.len() > 20 && there == 0, "{there} of {} recent visits", recent.len());
        Ok(())
    })
    .await
}

/// Unjoins a member, with the hub's copies, and uninstalls it.
async fn leaves(federation: &Federation, member: &Cluster) -> Result<()> {
    let kubeconfig = member.kubeconfig.to_str().context("the kubeconfig's path")?;
    federation
        .spillway(&["unjoin", &member.role, "--member-kubeconfig", kubeconfig, "--delete-copies"])
        .await?;
    in_release(&federation.helm, member, &["uninstall", "spillway", "--wait"])?;
    gone(member, &[OF_THE_CHART, OF_THE_HUB]).await
}

/// Waits for a hundred visits more.
async fn serves_on(people: &People) -> Result<()> {
    let since = Instant::now();
    wait_until(PATIENCE, "people to go on", async || {
        let visits = people.since(since);
        ensure!(visits.len() >= 100, "{} visits", visits.len());
        Ok(())
    })
    .await
}

/// What the chart's README says that is left of a hub, taken away as it says: nobody is there to take finalizers off.
async fn the_rest(hub: &Cluster) -> Result<()> {
    let all: Api<FederatedIngress> = Api::all(hub.client.clone());
    for federated in all.list(&ListParams::default()).await? {
        let namespace = federated.namespace().context("no namespace")?;
        let release = r#"{"metadata": {"finalizers": null}}"#;
        let patch = [
            "-n",
            &namespace,
            "patch",
            "federatedingress",
            &federated.name_any(),
            "--type=merge",
            "-p",
            release,
        ];
        hub.kubectl(&patch, "").await?;
    }
    hub.kubectl(&["delete", "crd", "-l", OF_THE_CHART, "--timeout=60s"], "").await?;
    hub.kubectl(&["delete", "namespace", "spillway-system", "--timeout=60s"], "").await.map(drop)
}

/// Waits until nothing with these labels is left but the definitions of the API, which the chart keeps.
async fn gone(cluster: &Cluster, labels: &[&str]) -> Result<()> {
    let kinds = cluster.kubectl(&["api-resources", "--verbs=list", "-o", "name"], "").await?;
    // Events tell of the past; componentstatuses cannot be selected.
    let kinds = kinds.lines().filter(|kind| !kind.starts_with("events") && *kind != "componentstatuses");
    let kinds = kinds.collect::<Vec<_>>().join(",");
    wait_until(PATIENCE, &format!("all of ours to be gone from {}", cluster.role), async || {
        for label in labels {
            let found = cluster.kubectl(&["get", &kinds, "-A", "-l", label, "-o", "name"], "").await?;
            let rest: Vec<_> =
                found.lines().filter(|line| !line.starts_with("customresourcedefinition")).collect();
            ensure!(rest.is_empty(), "{rest:?}");
        }
        Ok(())
    })
    .await
}
