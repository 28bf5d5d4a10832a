//! One term of leadership: everything is built from watches when it begins, and dropped when it ends.

use std::{fmt::Display, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::Admin,
    apply::Writer,
    events::Events,
    federation::Federation,
    hub,
    identity::Authority,
    lead::Lead,
    member,
    metrics::{Loop, Metrics},
    propagate,
    queue::{Outcome, Queue},
    reconcile::{self, Told},
    timed::round,
    traffic_status,
    watch::watch,
};

/// How long one call may take.
const CALL: Duration = Duration::from_secs(5);
/// Objects of the hub that are worked on at a time, of each kind.
const WORKERS: usize = 8;

/// What a term needs from outside.
pub(crate) struct Terms {
    /// The hub.
    pub(crate) client: Client,
    /// Whether we lead.
    pub(crate) lead: Lead,
    /// The controller's namespace.
    pub(crate) namespace: String,
    /// The lease holder's name.
    pub(crate) identity: String,
    /// The federation's name, if it is given.
    pub(crate) federation: Option<String>,
    /// What is counted.
    pub(crate) metrics: Metrics,
}

/// Leads until cancelled.
pub(crate) async fn lead(terms: &Terms, admin: &Admin, cancel: CancellationToken) -> anyhow::Result<()> {
    let Some(federation) = cancel.run_until_cancelled(begin(terms)).await else { return Ok(()) };
    let f = Arc::new(federation?);
    admin.federation.store(Some(f.clone()));
    admin.placement.store(Some(f.placement.clone()));
    tracing::info!(federation = f.name, hub = f.hub_uid, "leads");
    let told = Told::default();
    tokio::join!(
        watch(&f, &cancel),
        work(&f, Loop::SOURCE, &f.queues.sources, &cancel, async |name: &_| {
            reconcile::source(&f, &told, name).await
        }),
        work(&f, Loop::FEDERATED, &f.queues.federated, &cancel, async |name: &_| {
            reconcile::federated(&f, name).await
        }),
        work(&f, Loop::PRIORITY, &f.queues.priorities, &cancel, async |name: &_| {
            reconcile::priority(&f, name).await
        }),
        work(&f, Loop::CLUSTER, &f.queues.clusters, &cancel, async |name: &_| {
            propagate::cluster(&f, name).await
        }),
        traffic_status::poll(f.clone(), cancel.clone()),
        traffic_status::mirror(f.clone(), cancel.clone()),
    );
    f.members.stop();
    f.members.tasks.close();
    f.members.tasks.wait().await;
    admin.federation.store(None);
    admin.placement.store(None);
    Ok(())
}

async fn work<K: Ord + Clone + Display>(
    f: &Federation,
    of: Loop,
    queue: &Queue<K>,
    cancel: &CancellationToken,
    step: impl AsyncFn(&K) -> Outcome,
) {
    let (of, step) = (&of, &step);
    queue.run(WORKERS, cancel, |key| async move { round(&f.metrics, of, &key, step(&key)).await }).await;
}

async fn begin(terms: &Terms) -> anyhow::Result<Federation> {
    let Terms { client, lead, namespace, identity, federation, metrics } = terms;
    let writer = Writer::new(lead.clone(), CALL);
    let hub_uid = hub_uid(client, &writer).await?;
    let name = federation.clone().unwrap_or_else(|| hub_uid.clone());
    let authority = Authority::load(client, &writer, namespace, &name).await?;
    Ok(Federation {
        events: Events::new(client.clone(), identity, writer.clone()),
        hub_uid,
        name,
        namespace: namespace.clone(),
        client: client.clone(),
        writer,
        hub: hub::Hub::default(),
        queues: hub::Queues::default(),
        placement: Arc::default(),
        failures: crate::ledger::Failures::default(),
        members: member::Members::default(),
        authority,
        board: crate::board::Board::default(),
        metrics: metrics.clone(),
    })
}

async fn hub_uid(client: &Client, writer: &Writer) -> anyhow::Result<String> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let system = writer.timed(namespaces.get("kube-system")).await?;
    system.metadata.uid.ok_or_else(|| anyhow::anyhow!("namespace kube-system of the hub has no UID"))
}
