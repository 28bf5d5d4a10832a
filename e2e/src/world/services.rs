//! Services and the demo backends behind them.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::address::at;
use super::cluster::Identity;
use super::{Process, World, apply};
use crate::backend::{Behaviour, Named};
use crate::requests;

/// The port of every Service of a world.
pub const SERVICE_PORT: u16 = 8080;

impl World {
    /// A Service `namespace/name` with port 8080 on every member, and `backends` demo backends behind it in each
    /// region, named `name`, `name-2`, `name-3`... Names are unique in a world, whatever the namespace.
    pub async fn add_service(&self, namespace: &str, name: &str, backends: u8) -> Result<()> {
        let _one_at_a_time = self.adding.lock().await;
        try_join_all(self.members().map(|member| self.add_service_to(member, namespace, name, backends)))
            .await
            .map(drop)
    }

    async fn add_service_to(
        &self,
        member: &Identity,
        namespace: &str,
        name: &str,
        backends: u8,
    ) -> Result<()> {
        self.wait_ready(&Process::Backend(member.name.clone()), Duration::from_secs(30)).await?;
        let switches = self.switches(&member.name)?;
        let there: Vec<Named> = requests::get(switches, "/backends").await?;
        let mut addresses = Vec::new();
        for (n, next) in (1..=backends).zip(u8::try_from(there.len())?..) {
            let backend = if n == 1 { name.to_owned() } else { format!("{name}-{n}") };
            let address = member.addresses.backend(next);
            let named = Named {
                name: backend,
                listen: at(address, self.ports().backend),
                behaviour: Behaviour::default(),
                requests: 0,
            };
            requests::put(switches, "/backends", &named).await?;
            addresses.push(address.to_string());
        }
        let client = self.cluster(&member.name)?;
        if namespace != "default" {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            apply::json(client, namespace).await?;
        }
        apply::json(client, service(namespace, name, self.ports().backend)).await?;
        apply::json(client, slice(namespace, name, self.ports().backend, &addresses)).await
    }

    /// Changes a backend's behaviour from what it is now.
    pub async fn change_backend(
        &self,
        region: &str,
        backend: &str,
        change: impl FnOnce(&mut Behaviour),
    ) -> Result<()> {
        let mut behaviour = self.backend(region, backend).await?.behaviour;
        change(&mut behaviour);
        requests::put(self.switches(region)?, &format!("/backends/{backend}/behaviour"), &behaviour).await
    }

    /// A backend as it is now: its behaviour, and how many requests it has taken since its process started.
    pub async fn backend(&self, region: &str, backend: &str) -> Result<Named> {
        let all: Vec<Named> = requests::get(self.switches(region)?, "/backends").await?;
        all.into_iter()
            .find(|named| named.name == backend)
            .with_context(|| format!("no backend {backend:?} in {region}"))
    }

    /// Every backend of every region behaves as it did at first.
    pub(super) async fn heal_backends(&self) -> Result<()> {
        for region in self.regions() {
            let switches = self.switches(region)?;
            for named in requests::get::<Vec<Named>>(switches, "/backends").await? {
                let path = format!("/backends/{}/behaviour", named.name);
                requests::put(switches, &path, &Behaviour::default()).await?;
            }
        }
        Ok(())
    }

    pub(super) fn switches(&self, region: &str) -> Result<SocketAddrV4> {
        Ok(at(self.addresses(region)?.control(), self.ports().control))
    }
}

fn service(namespace: &str, name: &str, target: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": target}]},
    })
}

/// No kubelet and no pods: the world itself says where a Service's endpoints are. Kubernetes refuses loopback
/// addresses in slices of type `IPv4`, so they go in as names (type `FQDN`), which an address may be.
fn slice(namespace: &str, name: &str, port: u16, addresses: &[String]) -> Value {
    let ready = json!({"ready": true, "serving": true, "terminating": false});
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"addresses": [address], "conditions": ready.clone()}))
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{name}-world"),
            "namespace": namespace,
            "labels": {
                "kubernetes.io/service-name": name,
                "endpointslice.kubernetes.io/managed-by": "spillway-world",
            },
        },
        "addressType": "FQDN",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    })
}
