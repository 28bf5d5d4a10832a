//! Watching the hub, and asking for work where a change is felt.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use futures::{StreamExt, future::join_all};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher, watcher::Event},
};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use spillway_crds::names::annotations::REGION_PRIORITY;
use tokio_util::sync::CancellationToken;

use crate::{
    cache::{Cache, Steady},
    federation::Federation,
    hub::{Name, federates, is_generated, is_generated_priority},
    object::Kind,
};

/// Runs every watch of the hub until cancelled.
pub(crate) async fn watch(federation: &Arc<Federation>, cancel: &CancellationToken) {
    let f = &**federation;
    let client = || f.client.clone();
    let generations = Generations::default();
    let watches = join_all::<Vec<futures::future::BoxFuture<'_, ()>>>(vec![
        Box::pin(follow(Api::all(client()), &f.hub.ingresses, |name, live| ingress(f, name, live))),
        Box::pin(follow(Api::all(client()), &f.hub.federated, |name, _| federated(f, name))),
        Box::pin(follow(Api::all(client()), &f.hub.priorities, |name, _| priority(f, &generations, name))),
        Box::pin(follow(Api::all(client()), &f.hub.clusters, |name, _| cluster(f, &generations, name))),
        Box::pin(follow(Api::namespaced(client(), &f.namespace), &f.hub.secrets, |name, _| secret(f, &name))),
        Box::pin(follow(Api::all(client()), &f.hub.classes, |_, _| classes(f))),
    ]);
    let _ = cancel.run_until_cancelled(watches).await;
}

/// Keeps a cache up to date with one kind, and passes on what changed, and whether the watch told of the very
/// change: a list tells only how things are.
async fn follow<K>(api: Api<K>, cache: &Cache<Name, K>, changed: impl Fn(Name, bool))
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher(api, watcher::Config::default()).backoff(Steady);
    futures::pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let live = matches!(event, Event::Apply(_) | Event::Delete(_));
                cache.take(event, Name::of).into_iter().for_each(|name| changed(name, live));
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "the watch of the hub broke; it goes on");
            }
        }
    }
}

fn ingress(f: &Federation, name: Name, live: bool) {
    let source = f.hub.ingresses.get(&name);
    f.hub.bereft.see(&name, source.is_some_and(|source| federates(&source)), live);
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
    let now = f.hub.priorities.get(&name);
    if generations.changed("RegionPriority", &name, now.as_deref()) {
        f.members.ask_all(&Kind::RegionPriority.key("", &name.name));
        f.hub.users_of(&name.name).into_iter().for_each(|user| f.queues.federated.add(user));
        f.queues.priorities.add(name);
    }
}

fn cluster(f: &Federation, generations: &Generations, name: Name) {
    let now = f.hub.clusters.get(&name);
    if generations.changed("MemberCluster", &name, now.as_deref()) {
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

/// The generations that were seen last. They begin anew with each object, so the UID belongs to them: one that was
/// deleted and made again between two looks is another.
#[derive(Debug, Default)]
struct Generations(Mutex<BTreeMap<(&'static str, Name), Generation>>);

/// A UID and a generation.
type Generation = (Option<String>, Option<i64>);

impl Generations {
    /// Whether this is new; an object that is gone is always news.
    fn changed<K: ResourceExt>(&self, kind: &'static str, name: &Name, now: Option<&K>) -> bool {
        let mut seen = self.0.lock();
        let key = (kind, name.clone());
        if let Some(object) = now {
            let now = (object.uid(), object.meta().generation);
            return seen.insert(key, now.clone()) != Some(now);
        }
        seen.remove(&key);
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spillway_crds::MemberCluster;

    use super::{Generations, Name};

    #[test]
    fn an_object_that_was_made_again_is_news() {
        let (generations, name) = (Generations::default(), Name::cluster("sz"));
        let cluster = |uid: &str, generation: i64| -> MemberCluster {
            let mut cluster = crate::fixture::cluster("sz", "shenzhen");
            cluster["metadata"]["uid"] = json!(uid);
            cluster["metadata"]["generation"] = json!(generation);
            serde_json::from_value(cluster).unwrap()
        };
        for (now, news) in [
            (Some(cluster("a", 1)), true),
            (Some(cluster("a", 1)), false),
            (Some(cluster("a", 2)), true),
            (Some(cluster("b", 2)), true),
            (None, true),
        ] {
            assert_eq!(generations.changed("MemberCluster", &name, now.as_ref()), news, "{now:?}");
        }
    }
}
