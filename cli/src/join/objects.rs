//! The objects of a member that is joined. Pure: what is printed and what is applied is the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use spillway_crds::names::secrets::KUBECONFIG_KEY;
use spillway_crds::permissions::{Part, Subject, grant};

use super::Join;
use super::kubeconfig::Reached;
use super::names::{ACCOUNT, JOINED_BY, TOKEN, kubeconfig_secret};

/// What shall be there.
pub(super) struct Wanted<'a>(&'a Join);

impl<'a> Wanted<'a> {
    /// For these arguments.
    pub(super) fn of(join: &'a Join) -> Self {
        Self(join)
    }

    /// In the order in which they are applied.
    pub(super) fn on_member(&self) -> Result<Vec<Value>> {
        let namespace = &self.0.member.namespace;
        let account = Subject::ServiceAccount(ACCOUNT.into());
        let labels = BTreeMap::from([(JOINED_BY.0.to_owned(), JOINED_BY.1.to_owned())]);
        let mut objects = vec![
            // Nobody's: the chart is installed there too, and `unjoin` leaves it.
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": false,
                "metadata": {"name": ACCOUNT, "namespace": namespace, "labels": labels}}),
        ];
        objects.extend(grant(Part::HubAccess, namespace, &account, &labels)?);
        objects.push(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": TOKEN, "namespace": namespace, "labels": labels,
                "annotations": {"kubernetes.io/service-account.name": ACCOUNT}},
        }));
        Ok(objects)
    }

    /// In the order in which they are applied: the kubeconfig before the member that names it.
    pub(super) fn on_hub(&self, kubeconfig: &str) -> [Value; 2] {
        let Join { member, region, front_door, http_port, spill_port, .. } = self.0;
        let secret = kubeconfig_secret(&member.name);
        let labels = json!({JOINED_BY.0: JOINED_BY.1});
        let mut spec = json!({
            "region": region,
            "connection": {"kubeconfigSecretRef": {"name": secret, "key": KUBECONFIG_KEY}},
            "frontDoor": {"addresses": front_door, "httpPort": http_port, "spillPort": spill_port},
        });
        if let Some(bound) = self.0.max_requests_per_second {
            spec["capacity"] = json!({"maxRequestsPerSecond": bound});
        }
        [
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": secret, "namespace": member.namespace, "labels": labels},
                "stringData": {KUBECONFIG_KEY: kubeconfig}}),
            json!({"apiVersion": "kube-federation.io/v1alpha1", "kind": "MemberCluster",
                "metadata": {"name": member.name, "labels": labels}, "spec": spec}),
        ]
    }

    /// Everything as YAML; the token is not known before it is made.
    pub(super) fn print(&self, reached: &Reached) -> Result<String> {
        let mut text = String::new();
        let on_hub = self.on_hub(&reached.kubeconfig("<the token of spillway-hub>")?);
        for (place, objects) in [("the member", self.on_member()?), ("the hub", on_hub.to_vec())] {
            for object in objects {
                let _ = write!(text, "---\n# on {place}\n{}", serde_saphyr::to_string(&object)?);
            }
        }
        Ok(text)
    }
}
