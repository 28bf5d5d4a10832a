//! Two gateways in shenzhen in place of one: what they do together, and what people notice when one of them goes.

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::faults::{gateways, killed, latency};
use super::life::rolled;
use super::scene::{home, people, told};
use crate::kind::Federation;
use crate::kind::install::workload;

/// A second gateway comes; the region is given up when it is slow, and comes home; one is killed; both are replaced one after
/// the other; one goes again.
pub(super) async fn two_gateways(federation: &Federation) -> Result<()> {
    let shenzhen = federation.member("shenzhen")?;
    let moment = Instant::now();
    let people = people(federation);
    federation.upgrade(shenzhen, "member.replicas=2")?;
    gateways(federation, 2).await?;
    let came = took(federation, moment).await?;
    told("a second gateway", &people, moment, &came, Some(0))?;

    latency(federation, "latency, two gateways").await?;

    let moment = Instant::now();
    killed(federation, 2).await?;
    let back = took(federation, moment).await?;
    told("one of two killed", &people, moment, &back, None)?;

    let moment = Instant::now();
    let restart = ["-n", "spillway-system", "rollout", "restart", workload("shenzhen")];
    shenzhen.kubectl(&restart, "").await?;
    rolled(shenzhen).await?;
    gateways(federation, 2).await?;
    let new = took(federation, moment).await?;
    told("two replaced", &people, moment, &new, Some(0))?;

    let moment = Instant::now();
    federation.upgrade(shenzhen, "")?;
    gateways(federation, 1).await?;
    let gone = took(federation, moment).await?;
    told("one again", &people, moment, &gone, Some(0))
}

async fn took(federation: &Federation, began: Instant) -> Result<String> {
    let back = home(federation, began).await.context("two gateways")?;
    Ok(format!("all at home after {:.1} s", back.as_secs_f64()))
}
