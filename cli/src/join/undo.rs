//! Taking a member back out. What is gone already is no error, so that it can be run again.

use std::fmt::Write as _;

use anyhow::Result;
use kube::ResourceExt;
use spillway_crds::names::labels::{HUB_UID, MANAGED_BY, MANAGED_BY_SPILLWAY};
use spillway_crds::permissions::Part;

use super::clusters::Cluster;
use super::names::{ACCOUNT, JOINED_BY, TOKEN, kubeconfig_secret};

type Kind = (&'static str, &'static str);

const OURS: &str = "kube-federation.io/v1alpha1";
const RBAC: &str = "rbac.authorization.k8s.io/v1";
const SECRET: Kind = ("v1", "Secret");
/// What the hub copies, in an order in which nothing is left without what it needs.
const COPIES: [Kind; 4] =
    [("networking.k8s.io/v1", "Ingress"), (OURS, "RegionPriority"), (OURS, "GatewayPeer"), SECRET];

/// Which member, and whether only to say so.
pub(super) struct Plan<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) dry: bool,
}

impl Plan<'_> {
    /// The hub's part first: it stops writing to the member.
    pub(super) async fn hub(&self, hub: &Cluster) -> Result<String> {
        let mut told = String::new();
        self.delete(hub, "the hub", (OURS, "MemberCluster"), "", self.name, &mut told).await?;
        self.delete_joined(hub, "the hub", SECRET, &kubeconfig_secret(self.name), &mut told).await?;
        Ok(told)
    }

    /// The member's part: the account last, so that a run that was cut short can go on.
    pub(super) async fn member(&self, member: &Cluster, copies_of: Option<&str>) -> Result<String> {
        let mut told = String::new();
        if let Some(uid) = copies_of {
            let ours = format!("{MANAGED_BY}={MANAGED_BY_SPILLWAY},{HUB_UID}={uid}");
            for kind in COPIES {
                for copy in member.list(kind, &ours).await? {
                    let (namespace, name) = (copy.namespace().unwrap_or_default(), copy.name_any());
                    self.delete(member, "the member", kind, &namespace, &name, &mut told).await?;
                }
            }
        }
        for (kind, name) in [
            (SECRET, TOKEN),
            ((RBAC, "RoleBinding"), Part::HubAccess.role()),
            ((RBAC, "Role"), Part::HubAccess.role()),
            ((RBAC, "ClusterRoleBinding"), Part::HubAccess.role()),
            ((RBAC, "ClusterRole"), Part::HubAccess.role()),
            (("v1", "ServiceAccount"), ACCOUNT),
        ] {
            self.delete_joined(member, "the member", kind, name, &mut told).await?;
        }
        let _ = writeln!(told, "the member: namespace {} stays: the gateways are in it", self.namespace);
        Ok(told)
    }

    /// Only what `join` made: the chart makes objects of the same names (`member.hubAccess.create`).
    async fn delete_joined(
        &self,
        cluster: &Cluster,
        place: &str,
        kind: Kind,
        name: &str,
        told: &mut String,
    ) -> Result<()> {
        let Some(there) = cluster.get(kind, self.namespace, name).await? else { return Ok(()) };
        if there.labels().get(JOINED_BY.0).map(String::as_str) != Some(JOINED_BY.1) {
            let _ = writeln!(told, "{place}: {} {name} stays: `join` did not make it", kind.1);
            return Ok(());
        }
        self.delete(cluster, place, kind, self.namespace, name, told).await
    }

    async fn delete(
        &self,
        cluster: &Cluster,
        place: &str,
        kind: Kind,
        namespace: &str,
        name: &str,
        told: &mut String,
    ) -> Result<()> {
        let gone = if self.dry {
            cluster.get(kind, namespace, name).await?.map(|_| "would be deleted")
        } else {
            cluster.delete(kind, namespace, name).await?.then_some("deleted")
        };
        if let Some(gone) = gone {
            let _ = writeln!(told, "{place}: {} {name}: {gone}", kind.1);
        }
        Ok(())
    }
}
