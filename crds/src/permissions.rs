//! What each part of Spillway may do, as data: every rule with its reason.
//!
//! The chart's files are the one source. Helm reads them for the chart's roles; through this room
//! `kubectl spillway join`, the test world and the tables of docs/security.md come from the same lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A part that has an account of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The controller, on the hub.
    Controller,
    /// The hub's controller, on a member.
    HubAccess,
    /// The gateways, on their own cluster.
    Gateway,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Controller, Self::HubAccess, Self::Gateway];

    /// The name of its roles and bindings, in the chart and everywhere else.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Controller => "spillway-controller",
            Self::HubAccess => "spillway-hub-access",
            Self::Gateway => "spillway-gateway",
        }
    }

    /// Its permissions.
    pub fn permissions(self) -> Result<Permissions, serde_saphyr::Error> {
        serde_saphyr::from_str(match self {
            Self::Controller => include_str!("../../charts/spillway/files/rbac/controller.yaml"),
            Self::HubAccess => include_str!("../../charts/spillway/files/rbac/hub-access.yaml"),
            Self::Gateway => include_str!("../../charts/spillway/files/rbac/gateway.yaml"),
        })
    }
}

/// What a part may do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permissions {
    /// In every namespace, and on what has none.
    pub cluster: Vec<Rule>,
    /// In Spillway's own namespace only.
    pub namespace: Vec<Rule>,
    /// Like `cluster`, where the hub is a member too.
    #[serde(default)]
    pub when_in_place_cluster: Vec<Rule>,
    /// Like `namespace`, where the hub is a member too.
    #[serde(default)]
    pub when_in_place_namespace: Vec<Rule>,
}

/// One rule, as RBAC has it, and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The reason; for people, and no part of the role.
    #[serde(skip_serializing)]
    pub why: String,
    /// API groups; empty is the core.
    pub api_groups: Vec<String>,
    /// Kinds, in the plural, with or without a subresource.
    pub resources: Vec<String>,
    /// Names; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// What may be done.
    pub verbs: Vec<String>,
}

/// Who gets the permissions, as RBAC names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An account in the namespace of the roles.
    ServiceAccount(String),
    /// Everybody of a group.
    Group(String),
}

impl Subject {
    fn named(&self, namespace: &str) -> Value {
        match self {
            Self::ServiceAccount(name) => {
                json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
            }
            Self::Group(name) => {
                json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name})
            }
        }
    }
}

/// The roles and bindings that give a part's permissions to a subject, as objects to apply.
pub fn grant(
    part: Part,
    namespace: &str,
    to: &Subject,
    labels: &BTreeMap<String, String>,
) -> Result<[Value; 4], serde_saphyr::Error> {
    let permissions = part.permissions()?;
    let subject = to.named(namespace);
    let object = |kind: &str, namespaced: bool, more: [(&str, Value); 1]| {
        let mut metadata = json!({"name": part.role()});
        if !labels.is_empty() {
            metadata["labels"] = json!(labels);
        }
        if namespaced {
            metadata["namespace"] = json!(namespace);
        }
        let mut object =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata});
        for (field, value) in more {
            object[field] = value;
        }
        object
    };
    let binding = |kind: &str, role: &str, namespaced| {
        let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": part.role()});
        let mut binding = object(kind, namespaced, [("roleRef", reference)]);
        binding["subjects"] = json!([subject]);
        binding
    };
    Ok([
        object("ClusterRole", false, [("rules", json!(permissions.cluster))]),
        binding("ClusterRoleBinding", "ClusterRole", false),
        object("Role", true, [("rules", json!(permissions.namespace))]),
        binding("RoleBinding", "Role", true),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(part: Part) -> Vec<Rule> {
        let all = part.permissions().unwrap();
        [all.cluster, all.namespace, all.when_in_place_cluster, all.when_in_place_namespace].concat()
    }

    #[test]
    fn no_rule_is_a_wildcard_and_every_rule_has_a_reason() {
        for part in Part::ALL {
            for rule in rules(part) {
                let words = [&rule.api_groups, &rule.resources, &rule.verbs].into_iter().flatten();
                assert!(!words.clone().any(|word| word.contains('*')), "{part:?}: {rule:?}");
                assert!(
                    words.clone().all(|word| !["escalate", "bind", "impersonate"].contains(&word.as_str()))
                );
                assert!(rule.why.ends_with('.') && rule.why.len() > 10, "{part:?}: {rule:?}");
            }
        }
    }

    #[test]
    fn secrets_are_read_in_one_namespace_only() {
        for part in Part::ALL {
            let all = part.permissions().unwrap();
            let everywhere = [all.cluster, all.when_in_place_cluster].concat();
            assert!(
                !everywhere.iter().any(|rule| rule.resources.iter().any(|kind| kind == "secrets")),
                "{part:?}"
            );
        }
        let read = |rule: &&Rule| rule.verbs.iter().any(|verb| verb != "create");
        for part in [Part::Gateway, Part::HubAccess] {
            for rule in part.permissions().unwrap().namespace.iter().filter(read) {
                assert_eq!(rule.resource_names, ["spillway-gateway-identity"], "{part:?}");
            }
        }
    }

    #[test]
    fn a_gateway_only_reads() {
        let reads = |verb: &String| ["list", "watch"].contains(&verb.as_str());
        assert!(rules(Part::Gateway).iter().flat_map(|rule| &rule.verbs).all(reads));
    }

    #[test]
    fn a_grant_is_two_roles_and_two_bindings() {
        let to = Subject::ServiceAccount("a".into());
        let objects = grant(Part::Gateway, "ns", &to, &BTreeMap::new()).unwrap();
        assert_eq!(objects[0]["rules"][0]["verbs"], json!(["list", "watch"]));
        assert_eq!(objects[0]["rules"][0]["why"], Value::Null);
        assert_eq!(objects[1]["subjects"][0]["namespace"], "ns");
        assert_eq!(objects[1]["metadata"]["namespace"], Value::Null);
        assert_eq!(objects[3]["roleRef"]["kind"], "Role");
        assert_eq!(objects[3]["metadata"]["namespace"], "ns");
    }
}
