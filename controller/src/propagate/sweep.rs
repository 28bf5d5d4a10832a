//! Deletes that nobody asked for by name: gathered for a moment, and done only if the guard lets them pass.

use std::time::Duration;

use kube::{Client, ResourceExt, api::ApiResource};
use serde_json::json;
use spillway_crds::MemberCluster;
use spillway_crds::names::annotations::ALLOW_DELETES;
use spillway_decide::plan::{Guard, Sweep};
use spillway_placement::ObjectKey;
use tokio::time::{sleep, timeout};

use super::place::{delete_inferred, still_unwanted};
use crate::{
    apply::dynamic, federation::Federation, hub::Name, member::Member, object::Kind, queue::Outcome,
};

/// What belongs together arrives within this.
const GATHER: Duration = Duration::from_millis(300);
/// How often held deletes are looked at again: a person may have allowed them.
const ROUND: Duration = Duration::from_secs(2);

/// Sweeps until dropped.
pub(crate) async fn sweep(f: &Federation, member: &Member, client: &Client) {
    loop {
        if member.sweeps.waiting().is_empty() {
            member.sweeps.asked().await;
            sleep(GATHER).await;
        } else {
            let _ = timeout(ROUND, member.sweeps.asked()).await;
        }
        let asked = member.sweeps.waiting();
        let (wanted, dropped): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|key| still_unwanted(f, member, client, key));
        for key in &dropped {
            member.sweeps.drop(key);
        }
        let recent = member.sweeps.recent.count();
        let guard = Guard { total: total(member) + recent, recent, allowed: allowed(f, member) };
        match guard.sweep(wanted) {
            Sweep::Pass(keys) => delete_all(f, member, client, keys).await,
            Sweep::Allowed(keys) => {
                if use_up(f, member).await {
                    delete_all(f, member, client, keys).await;
                }
            }
            Sweep::Hold { held, message } => {
                let number = held.len();
                let how = format!(
                    "{message}; if that is right, annotate the MemberCluster with {ALLOW_DELETES}: \"{number}\""
                );
                hold(f, member, Some(how));
            }
        }
    }
}

async fn delete_all(f: &Federation, member: &Member, client: &Client, keys: Vec<ObjectKey>) {
    hold(f, member, None);
    for key in keys {
        delete(f, member, client, key).await;
    }
}

/// Takes a person's permission off, before it is made use of: it is for these deletes and not for the next ones.
/// False if that did not work; then nothing is deleted.
async fn use_up(f: &Federation, member: &Member) -> bool {
    let Some(cluster) = f.hub.clusters.get(&Name::cluster(&member.name)) else { return false };
    let api = dynamic(&f.client, &ApiResource::erase::<MemberCluster>(&()), None);
    let annotations = json!({ALLOW_DELETES: null});
    let patch =
        json!({"metadata": {"resourceVersion": cluster.resource_version(), "annotations": annotations}});
    match f.writer.merge(&api, &member.name, &patch).await {
        Ok(_) => {
            tracing::info!(member = member.name, "a person allowed the deletes that were held");
            true
        }
        Err(error) => {
            tracing::warn!(member = member.name, %error, "cannot use up {ALLOW_DELETES}; deletes wait on");
            false
        }
    }
}

async fn delete(f: &Federation, member: &Member, client: &Client, key: ObjectKey) {
    if delete_inferred(f, member, client, &key).await == Outcome::Failed {
        return; // it waits on
    }
    member.sweeps.drop(&key);
    member.sweeps.recent.note();
}

/// Tells people, once.
fn hold(f: &Federation, member: &Member, held: Option<String>) {
    let changed = member.update_health(|health| health.held.clone_from(&held));
    if changed {
        if let Some(message) = held {
            tracing::warn!(member = member.name, message, "deletes are held");
        }
        f.queues.clusters.add(Name::cluster(&member.name));
    }
}

fn total(member: &Member) -> usize {
    Kind::ALL.iter().map(|kind| member.cache(*kind).len()).sum()
}

fn allowed(f: &Federation, member: &Member) -> usize {
    let cluster = f.hub.clusters.get(&Name::cluster(&member.name));
    let text = cluster.as_ref().and_then(|cluster| cluster.annotations().get(ALLOW_DELETES));
    text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use kube::runtime::watcher::Event;
    use serde_json::json;
    use spillway_crds::names::annotations::ALLOW_DELETES;

    use super::{Member, sweep};
    use crate::{
        fixture::{HUB, client, cluster, done, federation, listed},
        object::Kind,
    };

    /// Fifteen orphans, and a person who allows fifteen deletes.
    #[tokio::test]
    async fn a_permission_is_used_up_before_the_first_delete() {
        let (client, asked) = client(done);
        let f = federation(&client);
        let mut sz = cluster("sz", "shenzhen");
        sz["metadata"]["resourceVersion"] = "7".into();
        sz["metadata"]["annotations"] = json!({ALLOW_DELETES: "15"});
        listed(&f.hub.clusters, [sz]);
        let member = Arc::new(Member::new("sz", "shenzhen", false, f.placement.join("sz").ok()));
        let cache = member.cache(Kind::Ingress);
        let key = |name: &str| Kind::Ingress.key("ns", name);
        cache.take(Event::Init, |_| key(""));
        for number in 0..15 {
            let name = format!("w{number}");
            let labels = json!({"kube-federation.io/hub-uid": HUB, "kube-federation.io/source-uid": "s"});
            let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                                "metadata": {"name": name, "namespace": "ns", "uid": name, "labels": labels}});
            cache.take(Event::InitApply(serde_json::from_value(object).unwrap()), |_| key(&name));
            member.sweeps.ask(key(&name));
        }
        cache.take(Event::InitDone, |_| key(""));
        let deleted = async {
            while asked.lock().iter().filter(|(method, ..)| method == "DELETE").count() < 15 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = sweep(&f, &member, &client) => {},
            done = tokio::time::timeout(Duration::from_secs(10), deleted) => done.expect("fifteen deletes"),
        }
        let (method, path, body) = asked.lock()[0].clone();
        assert_eq!((method.as_str(), path.rsplit('/').next()), ("PATCH", Some("sz")), "{asked:?}");
        let metadata = json!({"resourceVersion": "7", "annotations": {ALLOW_DELETES: null}});
        assert_eq!(body, json!({"metadata": metadata}));
    }
}
