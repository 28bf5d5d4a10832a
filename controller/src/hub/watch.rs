//! Watching the hub, and asking for work where a change is felt.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use futures::{StreamExt, future::join_all};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use spillway_crds::names::annotations::REGION_PRIORITY;
use tokio_util::sync::CancellationToken;

use super::{Name, is_generated, is_generated_priority};
use crate::{
    cache::{Cache, Steady},
    federation::Federation,
    object::Kind,
};

/// Runs every watch of the hub until cancelled.
pub(crate) async fn watch(federation: &Arc<Federation>, cancel: &CancellationToken) {
    let f = &**federation;
    let client = || f.client.clone();
    let generations = Generations::default();
    let watches = join_all::<Vec<futures::future::BoxFuture<'_, ()>>>(vec![
        Box::pin(follow(Api::all(client()), &f.hub.ingresses, |name| ingress(f, name))),
        Box::pin(follow(Api::all(client()), &f.hub.federated, |name| federated(f, name))),
        Box::pin(follow(Api::all(client()), &f.hub.priorities, |name| priority(f, &generations, name))),
        Box::pin(follow(Api::all(client()), &f.hub.clusters, |name| cluster(f, &generations, name))),
        Box::pin(follow(Api::namespaced(client(), &f.namespace), &f.hub.secrets, |name| secret(f, &name))),
        Box::pin(follow(Api::all(client()), &f.hub.classes, |_| classes(f))),
    ]);
    let _ = cancel.run_until_cancelled(watches).await;
}

/// Keeps a cache up to date with one kind, and passes on what changed.
async fn follow<K>(api: Api<K>, cache: &Cache<Name, K>, changed: impl Fn(Name))
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher(api, watcher::Config::default()).backoff(Steady);
    futures::pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => cache.take(event, Name::of).into_iter().for_each(&changed),
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "the watch of the hub broke; it goes on");
            }
        }
    }
}

fn ingress(f: &Federation, name: Name) {
    f.queues.sources.add(name);
}

fn federated(f: &Federation, name: Name) {
    match f.hub.federated.get(&name) {
        Some(federated) if is_generated(&f.hub_uid, &federated) => f.queues.sources.add(name.clone()),
        Some(_) => {}
        None => {
            f.queues.sources.add(name.clone());
            let priorities = f.hub.priorities.values().into_iter();
            let generated = priorities.filter(|priority| is_generated_priority(&f.hub_uid, priority));
            generated.for_each(|priority| f.queues.priorities.add(Name::of(&*priority)));
        }
    }
    f.queues.federated.add(name);
}

/// A status is ours to write and nobody's to react to: only a new generation is a change.
fn priority(f: &Federation, generations: &Generations, name: Name) {
    let now = f.hub.priorities.get(&name).and_then(|priority| priority.metadata.generation);
    if generations.changed("RegionPriority", &name, now) {
        f.members.ask_all(&Kind::RegionPriority.key("", &name.name));
        f.hub.users_of(&name.name).into_iter().for_each(|user| f.queues.federated.add(user));
        f.queues.priorities.add(name);
    }
}

fn cluster(f: &Federation, generations: &Generations, name: Name) {
    let now = f.hub.clusters.get(&name).and_then(|cluster| cluster.metadata.generation);
    if generations.changed("MemberCluster", &name, now) {
        f.members.ask_all(&Kind::GatewayPeer.key("", &name.name));
        for priority in f.hub.priorities.keys() {
            f.members.ask_all(&Kind::RegionPriority.key("", &priority.name));
        }
        f.hub.federated.keys().into_iter().for_each(|name| f.queues.federated.add(name));
        f.queues.clusters.add(name);
    }
}

fn secret(f: &Federation, name: &Name) {
    for cluster in f.hub.clusters.values() {
        let reference = cluster.spec.connection.kubeconfig_secret_ref.as_ref();
        if reference.is_some_and(|reference| reference.name == name.name) {
            f.queues.clusters.add(Name::of(&*cluster));
        }
    }
}

fn classes(f: &Federation) {
    let sources = f.hub.ingresses.values().into_iter();
    let sources = sources.filter(|source| source.annotations().contains_key(REGION_PRIORITY));
    sources.for_each(|source| f.queues.sources.add(Name::of(&*source)));
}

/// The generations that were seen last.
#[derive(Debug, Default)]
struct Generations(Mutex<BTreeMap<(&'static str, Name), i64>>);

impl Generations {
    /// Whether this is new; an object that is gone is always news.
    fn changed(&self, kind: &'static str, name: &Name, now: Option<i64>) -> bool {
        let mut seen = self.0.lock();
        let key = (kind, name.clone());
        if let Some(generation) = now {
            return seen.insert(key, generation) != Some(generation);
        }
        seen.remove(&key);
        true
    }
}
