//! A federation without clusters, for tests: what its watches saw is put in by hand, and what it asks the hub is
//! kept.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kube::{Client, Resource, client::Body, runtime::watcher::Event};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spillway_crds::names::{FINALIZER, SYSTEM_NAMESPACE};
use tokio::time::Instant;

use crate::{
    apply::Writer,
    cache::Cache,
    events::Events,
    federation::Federation,
    hub::{Hub, Name, Queues},
    identity::Authority,
    lead::Lead,
};

/// The UID of the hub.
pub(crate) const HUB: &str = "hub";

/// What the hub was asked: method, path and body.
pub(crate) type Asked = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A client whose server keeps what it is asked, and answers everything with `answer`.
pub(crate) fn client(answer: impl Fn(&str, &str) -> (u16, Value) + Send + Sync + 'static) -> (Client, Asked) {
    let (asked, answer) = (Asked::default(), Arc::new(answer));
    let kept = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (kept, answer) = (kept.clone(), answer.clone());
        async move {
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            let (status, object) = answer(&method, &path);
            kept.lock().push((method, path, serde_json::from_slice(&body).unwrap_or_default()));
            let body = Full::new(bytes::Bytes::from(object.to_string()));
            Ok::<_, Infallible>(Response::builder().status(status).body(body).expect("a response"))
        }
    });
    (Client::new(service, "default"), asked)
}

/// The answer of a server that does as it is told.
pub(crate) fn done(_: &str, _: &str) -> (u16, Value) {
    (200, json!({"apiVersion": "v1", "kind": "Any", "metadata": {"name": "any"}}))
}

/// A federation whose hub was seen in full and is empty.
pub(crate) fn federation(client: &Client) -> Arc<Federation> {
    let lead = Lead::default();
    lead.hold_until(Instant::now() + Duration::from_mins(10));
    let writer = Writer::new(lead, Duration::from_secs(5));
    let f = Federation {
        events: Events::new(client.clone(), "test", writer.clone()),
        hub_uid: HUB.into(),
        name: "fed".into(),
        namespace: SYSTEM_NAMESPACE.into(),
        client: client.clone(),
        writer,
        hub: Hub::default(),
        queues: Queues::default(),
        placement: Arc::default(),
        failures: crate::ledger::Failures::default(),
        members: crate::member::Members::default(),
        authority: Authority::made("fed"),
        board: crate::board::Board::default(),
        metrics: crate::metrics::Metrics::default(),
    };
    listed(&f.hub.ingresses, []);
    listed(&f.hub.federated, []);
    listed(&f.hub.priorities, []);
    listed(&f.hub.clusters, []);
    listed(&f.hub.secrets, []);
    Arc::new(f)
}

/// Shows a cache a full list.
pub(crate) fn listed<K>(cache: &Cache<Name, K>, objects: impl IntoIterator<Item = Value>)
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    cache.take(Event::Init, Name::of);
    for object in objects {
        let object = serde_json::from_value(object).expect("an object of its kind");
        cache.take(Event::InitApply(object), Name::of);
    }
    cache.take(Event::InitDone, Name::of);
}

/// A `MemberCluster`, to be the hub itself.
pub(crate) fn cluster(name: &str, region: &str) -> Value {
    json!({"metadata": {"name": name, "uid": name, "generation": 1}, "spec": {
        "region": region, "connection": {"inPlace": {}}, "frontDoor": {"addresses": ["127.0.0.1"]}}})
}

/// A `FederatedIngress` that is propagated.
pub(crate) fn federated(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "ns", "uid": name, "generation": 1, "resourceVersion": "1",
                        "finalizers": [FINALIZER]},
           "spec": {"template": {"spec": {}}, "regionPriority": "p"}})
}
