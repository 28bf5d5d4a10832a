//! What the hub's API server has.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease as ApiLease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};

use crate::check::facts::{Controller, Lease, Objects, Seen, Server, Workload};
use crate::hub::Hub;

/// Name of the controller's Deployment and Lease.
const CONTROLLER: &str = "spillway-controller";
const VERSION: &str = "app.kubernetes.io/version";
const SILENT: &str = "the hub does not answer";

pub(super) async fn server(hub: &Hub) -> Server {
    let client = hub.client();
    let version = client.apiserver_version().await.map(|version| version.git_version);
    let version = version.map_err(|error| told(&error));
    let definitions = match version {
        Ok(_) => definitions(client).await,
        Err(_) => Err(SILENT.to_owned()),
    };
    Server { version, definitions }
}

async fn definitions(client: Client) -> Seen<Vec<CustomResourceDefinition>> {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    let mut found = Vec::new();
    for wanted in spillway_crds::definitions() {
        found.extend(api.get_opt(&wanted.name_any()).await.map_err(|error| told(&error))?);
    }
    Ok(found)
}

pub(super) async fn controller(hub: &Hub, namespace: &str) -> Controller {
    let deployments: Api<Deployment> = Api::namespaced(hub.client(), namespace);
    let leases: Api<ApiLease> = Api::namespaced(hub.client(), namespace);
    let (deployment, lease) = tokio::join!(deployments.get_opt(CONTROLLER), leases.get_opt(CONTROLLER));
    Controller {
        deployment: deployment.map(|found| found.as_ref().map(workload)).map_err(|error| told(&error)),
        lease: lease.map(|found| found.and_then(held)).map_err(|error| told(&error)),
    }
}

fn workload(deployment: &Deployment) -> Workload {
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
    Workload {
        version: deployment.labels().get(VERSION).cloned().unwrap_or_else(|| "unknown".to_owned()),
        wanted: replicas.unwrap_or(1),
        ready: ready.unwrap_or(0),
    }
}

fn held(lease: ApiLease) -> Option<Lease> {
    let spec = lease.spec?;
    Some(Lease {
        holder: spec.holder_identity?,
        lasts_seconds: spec.lease_duration_seconds.unwrap_or(0),
        renewed: spec
            .renew_time
            .map(|time| time.0)
            .and_then(|time| Timestamp::from_second(time.as_second()).ok()),
    })
}

pub(super) async fn objects(hub: &Hub) -> Objects {
    let (all, nothing) = (ListParams::default(), |error| told(&error));
    let members: Api<MemberCluster> = Api::all(hub.client());
    let priorities: Api<RegionPriority> = Api::all(hub.client());
    let ingresses: Api<FederatedIngress> = Api::all(hub.client());
    let (members, priorities, ingresses) =
        tokio::join!(members.list(&all), priorities.list(&all), ingresses.list(&all));
    Objects {
        members: members.map(|list| list.items).map_err(nothing),
        priorities: priorities.map(|list| list.items).map_err(nothing),
        ingresses: ingresses.map(|list| list.items).map_err(nothing),
    }
}

pub(super) fn no_controller() -> Controller {
    Controller { deployment: Err(SILENT.to_owned()), lease: Err(SILENT.to_owned()) }
}

pub(super) fn no_objects() -> Objects {
    let silent = || SILENT.to_owned();
    Objects { members: Err(silent()), priorities: Err(silent()), ingresses: Err(silent()) }
}

/// What an API server said, without the wrapping.
pub(super) fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
