//! The hub's cluster is lost, and its backup goes into another one, by docs/operations.md. People notice nothing of it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use spillway_crds::{FederatedIngress, RegionPriority};
use tokio::time::Instant;

use super::scene::{self, PATIENCE, PRIORITY, apply_seed, declare, home, people, serves_seed, told};
use crate::kind::{Federation, Ledger};
use crate::wait::wait_until;

/// Whose a copy is.
const HUB_UID: &str = "kube-federation.io/hub-uid";
/// What a hub writes into members.
const KINDS: [&str; 4] = ["ingresses", "regionpriorities", "gatewaypeers", "secrets"];

/// Backup, loss, restore, and the members change hands. No copy is made anew, and the new hub's word is followed.
pub(super) async fn another_hub(federation: &mut Federation, ledger: &Ledger) -> Result<()> {
    apply_seed(federation).await?;
    for member in &federation.members {
        serves_seed(Federation::door(member), &member.role).await?;
    }
    let (authority, old) = backup(federation).await?;
    let (people, began) = (people(federation), Instant::now());
    let copies = copies(federation, &old).await?;
    ensure!(copies.len() >= 2 * federation.members.len(), "{copies:?}");

    federation.lose_hub(ledger).await?;
    federation.hub.kubectl(&["create", "namespace", "spillway-system"], "").await?;
    federation.hub.kubectl(&["apply", "-f", "-"], &authority).await?;
    federation.upgrade(&federation.hub, "")?;
    for member in &federation.members {
        federation.join(member).await?;
    }
    scene::set(federation).await?;
    apply_seed(federation).await?;
    conflicted(&federation.hub.client, true).await.context("before the members change hands")?;
    ensure!(copies == self::copies(federation, &old).await?, "copies went before they changed hands");

    let new = uid(federation).await?;
    hand_over(federation, &old, &new).await?;
    conflicted(&federation.hub.client, false).await.context("after the members changed hands")?;
    federation.is_whole().await?;
    let took = format!("another hub has the members after {:.1} s", began.elapsed().as_secs_f64());
    ensure!(copies == self::copies(federation, &new).await?, "copies were made anew");
    follows(federation).await?;
    home(federation, began).await?;
    told("hub lost", &people, began, &took, Some(0))
}

/// The CA's Secret, and the hub's UID.
async fn backup(federation: &Federation) -> Result<(String, String)> {
    let secret = ["-n", "spillway-system", "get", "secret", "spillway-ca", "-o", "yaml"];
    Ok((federation.hub.kubectl(&secret, "").await?, uid(federation).await?))
}

async fn uid(federation: &Federation) -> Result<String> {
    let uid = ["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"];
    federation.hub.kubectl(&uid, "").await
}

async fn hand_over(federation: &Federation, old: &str, new: &str) -> Result<()> {
    let (of_old, of_new) = (format!("{HUB_UID}={old}"), format!("{HUB_UID}={new}"));
    for member in &federation.members {
        for kind in KINDS {
            member.kubectl(&["label", kind, "-A", "-l", &of_old, &of_new, "--overwrite"], "").await?;
        }
    }
    Ok(())
}

/// Waits until each FederatedIngress says that its copies are somebody else's, or that none is.
async fn conflicted(hub: &Client, expected: bool) -> Result<()> {
    let all: Api<FederatedIngress> = Api::all(hub.clone());
    wait_until(PATIENCE, &format!("Conflicted={expected} of both"), async || {
        let all = all.list(&ListParams::default()).await?;
        ensure!(all.items.len() == 2, "{} FederatedIngresses", all.items.len());
        for federated in &all {
            let conditions =
                federated.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default();
            let is = |kind: &str| conditions.iter().any(|c| c.type_ == kind && c.status == "True");
            ensure!(is("Conflicted") == expected, "{}: {conditions:?}", federated.name_any());
            ensure!(expected || is("Propagated"), "{}: {conditions:?}", federated.name_any());
        }
        Ok(())
    })
    .await
}

/// The copies on all members that are this hub's.
async fn copies(federation: &Federation, hub: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for member in &federation.members {
        let api: Api<Ingress> = Api::all(member.client.clone());
        let ours = api.list(&ListParams::default().labels(&format!("{HUB_UID}={hub}"))).await?;
        found.extend(ours.iter().filter_map(ResourceExt::uid));
    }
    Ok(found)
}

/// What is declared at the new hub arrives at every member.
async fn follows(federation: &Federation) -> Result<()> {
    declare(federation, |spec| spec.dns.ttl_seconds = 7).await?;
    for member in &federation.members {
        let api: Api<RegionPriority> = Api::all(member.client.clone());
        wait_until(PATIENCE, &format!("{} to follow the new hub", member.role), async || {
            let ttl = api.get(PRIORITY).await?.spec.dns.ttl_seconds;
            ensure!(ttl == 7, "a TTL of {ttl}");
            Ok(())
        })
        .await?;
    }
    declare(federation, |_| ()).await
}
