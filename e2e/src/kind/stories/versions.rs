//! From one version to the next one and back, by docs/operations.md, under traffic. For some time hub and members, and the members
//! among themselves, are of two versions.

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::faults::latency;
use super::life::rolled;
use super::scene::{home, people, told};
use crate::kind::Federation;
use crate::kind::cluster::Cluster;
use crate::kind::edition::{Edition, FIELD, SECOND};
use crate::kind::install::{self, ON_HOST_PORTS, in_release};

/// The hub, then the members, the least important first; a failover between two versions; then back, the hub last.
pub(super) async fn new_version(federation: &Federation) -> Result<()> {
    let second = federation.second().await?;
    let (people, began) = (people(federation), Instant::now());
    let (active, others) = federation.members.split_first().context("no members")?;
    upgraded(federation, &federation.hub, &second).await?;
    for member in others.iter().rev() {
        upgraded(federation, member, &second).await?;
    }
    home(federation, began).await.context("two versions")?;
    told("a new version on all but one", &people, began, &took(began), Some(0))?;

    latency(federation, "latency between two versions").await?;

    let moment = Instant::now();
    upgraded(federation, active, &second).await?;
    home(federation, moment).await.context("a new version")?;
    told("a new version on the last", &people, moment, &took(moment), Some(0))?;

    let moment = Instant::now();
    for cluster in federation.members.iter().chain([&federation.hub]) {
        away(federation, cluster, async || {
            in_release(&federation.helm, cluster, &["rollback", "spillway"])?;
            rolled(cluster).await
        })
        .await
        .with_context(|| format!("rollback of {}", cluster.role))?;
        is_second(cluster, false).await?;
    }
    federation.is_whole().await?;
    home(federation, moment).await.context("the old version")?;
    told("back to the old version", &people, moment, &took(moment), Some(0))
}

async fn upgraded(federation: &Federation, cluster: &Cluster, second: &Edition) -> Result<()> {
    away(federation, cluster, async || {
        install::upgrade(&federation.helm, cluster, second)?;
        rolled(cluster).await
    })
    .await
    .with_context(|| format!("upgrade of {}", cluster.role))?;
    is_second(cluster, true).await?;
    federation.is_whole().await
}

/// Where a gateway holds ports of its node, its region is drained while it is replaced.
async fn away(
    federation: &Federation,
    cluster: &Cluster,
    work: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    if cluster.role != ON_HOST_PORTS {
        return work().await;
    }
    federation.spillway(&["drain", &cluster.role, "--for", "30m", "--reason", "another version"]).await?;
    work().await?;
    federation.spillway(&["undrain", &cluster.role]).await.map(drop)
}

/// Whether the pods' image and the API's definitions are the second edition's, or neither is.
async fn is_second(cluster: &Cluster, expected: bool) -> Result<()> {
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    let workload = ["-n", "spillway-system", "get", install::workload(&cluster.role), "-o", image];
    let image = cluster.kubectl(&workload, "").await?;
    let field = format!(
        "jsonpath={{.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.{FIELD}.type}}"
    );
    let definition = ["get", "crd", "regionpriorities.kube-federation.io", "-o", &field];
    let field = cluster.kubectl(&definition, "").await?;
    let seen = (image.ends_with(SECOND), field == "string");
    ensure!(seen == (expected, expected), "{}: image {image}, type of {FIELD} {field:?}", cluster.role);
    Ok(())
}

fn took(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}
