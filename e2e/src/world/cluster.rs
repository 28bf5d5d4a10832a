//! One cluster of a world: its control plane, and what Spillway expects to find there.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::Client;
use serde_json::json;
use spillway_crds::names::SYSTEM_NAMESPACE;
use spillway_crds::permissions::{Part, Subject, grant};

use super::address::{Addresses, Ports};
use super::apply;
use crate::controlplane::flags::Place;
use crate::controlplane::plane::User;
use crate::controlplane::{Binaries, Plane};
use crate::process::Owner;

const BASE: &str = include_str!("../../manifests/base.yaml");
const GATEWAYS: &str = "spillway:gateways";

/// A cluster's name and number in its world; number 0 is the hub.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) addresses: Addresses,
    pub(super) hub: bool,
}

impl Identity {
    pub(super) fn place(&self, owner: &Owner, ports: &Ports) -> Place {
        Place {
            cluster: self.name.clone(),
            dir: owner.dir().join(&self.name),
            address: self.addresses.control_plane(),
            api_port: ports.api,
            etcd_port: ports.etcd,
        }
    }
}

/// Raises the control plane and puts CRDs, namespace, ingress class and RBAC there.
pub(super) async fn raise(id: &Identity, ports: &Ports, binaries: &Binaries, owner: &Owner) -> Result<Plane> {
    let (part, group) = if id.hub {
        (Part::Controller, "spillway:hub-controllers")
    } else {
        (Part::HubAccess, "spillway:member-controllers")
    };
    let controller = User {
        file: "controller",
        address: id.addresses.controller_link(),
        name: "spillway-controller",
        groups: &[group],
    };
    let gateway = User {
        file: "gateway",
        address: id.addresses.gateway_link(),
        name: "region-gateway",
        groups: &[GATEWAYS],
    };
    let plane = Plane::raise(id.place(owner, ports), binaries, &[controller, gateway], owner).await?;
    let client = plane.client();
    apply::yaml(client, BASE).await?;
    tokio::try_join!(
        apply::crds(client),
        permit(client, part, group),
        permit(client, Part::Gateway, GATEWAYS)
    )?;
    Ok(plane)
}

/// Exactly what the chart gives a part, and nothing else.
async fn permit(client: &Client, part: Part, group: &str) -> Result<()> {
    for object in grant(part, SYSTEM_NAMESPACE, &Subject::Group(group.to_owned()), &BTreeMap::new())? {
        apply::json(client, object).await?;
    }
    Ok(())
}

/// Declares a member to the hub: its kubeconfig in a Secret, and the `MemberCluster` that names it.
pub(super) async fn declare(hub: &Client, member: &Identity, owner: &Owner, ports: &Ports) -> Result<()> {
    let kubeconfig = std::fs::read_to_string(owner.dir().join(&member.name).join("controller.kubeconfig"))?;
    let secret = format!("{}-kubeconfig", member.name);
    apply::json(
        hub,
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, "namespace": "spillway-system"},
            "stringData": {"kubeconfig": kubeconfig},
        }),
    )
    .await?;
    apply::json(
        hub,
        json!({
            "apiVersion": "kube-federation.io/v1alpha1",
            "kind": "MemberCluster",
            "metadata": {"name": member.name},
            "spec": {
                "region": member.name,
                "connection": {"kubeconfigSecretRef": {"name": secret, "key": "kubeconfig"}},
                "frontDoor": {
                    "addresses": [member.addresses.front_door()],
                    "httpPort": ports.http,
                    "spillPort": ports.spill,
                },
            },
        }),
    )
    .await
}
