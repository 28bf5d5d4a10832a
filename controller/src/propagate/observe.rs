//! Watching what is ours on a member.

use std::sync::Arc;

use futures::{StreamExt, future::join_all};
use kube::{
    Api, Client, ResourceExt,
    api::DynamicObject,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use spillway_crds::names::{
    annotations::PRIORITY,
    labels::{MANAGED_BY, MANAGED_BY_SPILLWAY},
    secrets::GATEWAY_IDENTITY,
};
use spillway_placement::ObjectKey;

use crate::{
    cache::Steady,
    federation::Federation,
    hub::Name,
    member::Member,
    object::{Kind, source_name},
};

/// Watches every kind until dropped.
pub(crate) async fn observe(f: &Federation, member: &Arc<Member>, client: &Client) {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_copied_to(member.in_place));
    join_all(kinds.map(|kind| follow(f, member, client, kind))).await;
}

async fn follow(f: &Federation, member: &Member, client: &Client, kind: Kind) {
    let mut config = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGED_BY_SPILLWAY}"));
    let api: Api<DynamicObject> = match kind {
        Kind::Identity => {
            config = config.fields(&format!("metadata.name={GATEWAY_IDENTITY}"));
            kind.api(client.clone(), &f.namespace)
        }
        _ => Api::all_with(client.clone(), &kind.resource()),
    };
    let events = watcher::watcher(api, config).backoff(Steady);
    futures::pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(f, member, kind, event),
            Err(error) => blind(f, member, kind, Some(error.to_string())),
        }
    }
}

fn take(f: &Federation, member: &Member, kind: Kind, event: Event<DynamicObject>) {
    let complete = matches!(event, Event::InitDone);
    let freed = match &event {
        Event::Delete(copy) => copy.annotations().get(PRIORITY).cloned(),
        _ => None,
    };
    let touched = member.cache(kind).take(event, |object| key(kind, member.in_place, object));
    for key in touched {
        member.queue.add(key);
    }
    if let Some(priority) = freed {
        // The last copy that names a priority takes it along.
        member.queue.add(Kind::RegionPriority.key("", &priority));
    }
    if complete {
        blind(f, member, kind, None);
        ask_for_all(f, member, kind);
        f.queues.clusters.add(Name::cluster(&member.name));
    }
}

/// After a full list: everything that the hub wants of the kind is looked at, seen or not.
fn ask_for_all(f: &Federation, member: &Member, kind: Kind) {
    tracing::info!(member = member.name, kind = kind.name(), seen = member.cache(kind).len(), "synced");
    let cluster =
        |names: Vec<Name>| names.into_iter().map(|name| kind.key("", &name.name)).collect::<Vec<_>>();
    let wanted = match kind {
        Kind::Ingress => {
            let names = f.hub.federated.keys();
            for name in &names {
                f.queues.federated.add(name.clone());
            }
            names.into_iter().map(|name| kind.key(&name.namespace, &name.name)).collect()
        }
        Kind::RegionPriority => cluster(f.hub.priorities.keys()),
        Kind::GatewayPeer => cluster(f.hub.clusters.keys()),
        Kind::Identity => vec![crate::object::identity_key(&f.namespace)],
    };
    for key in wanted {
        member.queue.add(key);
    }
}

fn blind(f: &Federation, member: &Member, kind: Kind, error: Option<String>) {
    if let Some(error) = &error {
        tracing::warn!(
            member = member.name,
            kind = kind.name(),
            error,
            "the watch of a member broke; it goes on"
        );
    }
    let changed = member.update_health(|health| {
        match error {
            Some(error) => health.blind.insert(kind, error),
            None => health.blind.remove(&kind),
        };
    });
    if changed {
        f.queues.clusters.add(Name::cluster(&member.name));
    }
}

/// The key on the hub of an object on a member. One that no copy would be called like keeps its name: the hub
/// knows no such source, so it is an orphan of ours.
fn key(kind: Kind, in_place: bool, object: &DynamicObject) -> ObjectKey {
    let name = object.name_any();
    let source = source_name(kind, &name, in_place).unwrap_or(&name);
    let namespace = if kind.is_namespaced() { object.namespace().unwrap_or_default() } else { String::new() };
    kind.key(&namespace, source)
}
