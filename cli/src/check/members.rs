//! How the hub sees its members.

use kube::ResourceExt;
use spillway_crds::MemberCluster;

use super::facts::Objects;
use super::finding::{Finding, Then};

const CONDITIONS: [(&str, &str, Then<'static>); 3] = [
    (
        "Reachable",
        "the hub reaches its API server",
        Then(
            "see that the server in its kubeconfig Secret can be reached from the hub's pods; join it anew if the token is gone",
            "members",
        ),
    ),
    (
        "GatewayReady",
        "its gateways answer the hub",
        Then(
            "see that its gateway pods run, and that spec.frontDoor names their address and spill port",
            "members",
        ),
    ),
    ("Ready", "it is as it should be", Then("kubectl describe membercluster says more", "members")),
];

pub(super) fn judge(objects: &Objects) -> Vec<Finding> {
    let members = match &objects.members {
        Ok(members) => members,
        Err(error) => return vec![Finding::skipped("the hub has members", error)],
    };
    if members.is_empty() {
        let join = Then("kubectl spillway join NAME --region REGION ...", "members");
        return vec![Finding::warning("the hub has members", "there is no MemberCluster", join)];
    }
    let mut findings: Vec<Finding> = members.iter().map(member).collect();
    findings.extend(regions(objects, members));
    findings
}

/// The first of its conditions that does not hold: the others follow from it.
fn member(member: &MemberCluster) -> Finding {
    let (name, region) = (member.name_any(), &member.spec.region);
    let conditions = member.status.iter().flat_map(|status| &status.conditions);
    for (kind, words, then) in CONDITIONS {
        let found = conditions.clone().find(|condition| condition.type_ == kind);
        let check = format!("member {name} in region {region}: {words}");
        match found {
            None => return Finding::failed(check, format!("the hub says nothing of {kind} yet"), then),
            Some(condition) if condition.status != "True" => {
                return Finding::failed(check, format!("{}: {}", condition.reason, condition.message), then);
            }
            Some(_) => {}
        }
    }
    Finding::ok(format!("member {name} in region {region} is ready"))
}

/// A region without a member is never a target.
fn regions(objects: &Objects, members: &[MemberCluster]) -> Vec<Finding> {
    let Ok(priorities) = &objects.priorities else { return Vec::new() };
    let has_member = |region: &str| members.iter().any(|member| member.spec.region == region);
    priorities
        .iter()
        .map(|priority| {
            let check = format!("every region of RegionPriority {} has a member", priority.name_any());
            let named = priority.spec.regions.iter().map(|region| region.name.as_str());
            let empty: Vec<&str> = named.filter(|region| !has_member(region)).collect();
            if empty.is_empty() {
                return Finding::ok(check);
            }
            let then = Then("join a member there, or take the region out of the priority", "members");
            Finding::warning(check, format!("none has {}", empty.join(", ")), then)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Outcome;
    use super::*;

    fn objects(conditions: &[(&str, &str)]) -> Objects {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(kind, status)| {
                json!({"type": kind, "status": status, "reason": "R", "message": "m",
                    "lastTransitionTime": "2026-11-23T00:00:00Z"})
            })
            .collect();
        let member = json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "MemberCluster", "metadata": {"name": "sz"},
            "spec": {"region": "shenzhen", "connection": {"inPlace": {}}, "frontDoor": {"addresses": ["192.0.2.1"]}},
            "status": {"conditions": conditions},
        });
        let priority = json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "RegionPriority", "metadata": {"name": "gov"},
            "spec": {"regions": [{"name": "shenzhen"}, {"name": "chengdu"}]},
        });
        Objects {
            members: Ok(vec![serde_json::from_value(member).unwrap()]),
            priorities: Ok(vec![serde_json::from_value(priority).unwrap()]),
            ingresses: Ok(Vec::new()),
        }
    }

    #[test]
    fn the_first_condition_that_does_not_hold_is_told() {
        for (conditions, outcome, words) in [
            (
                &[("Reachable", "True"), ("GatewayReady", "True"), ("Ready", "True")][..],
                Outcome::Ok,
                "is ready",
            ),
            (&[("Reachable", "False"), ("GatewayReady", "False")], Outcome::Failed, "API server"),
            (&[("Reachable", "True"), ("GatewayReady", "Unknown")], Outcome::Failed, "gateways answer"),
            (&[], Outcome::Failed, "API server"),
        ] {
            let finding = judge(&objects(conditions)).remove(0);
            assert_eq!(finding.outcome, outcome, "{finding:?}");
            assert!(finding.check.contains(words), "{finding:?}");
        }
        let regions = judge(&objects(&[])).remove(1);
        assert_eq!(regions.found.as_deref(), Some("none has chengdu"));
        let none = Objects { members: Ok(Vec::new()), ..objects(&[]) };
        assert_eq!(judge(&none)[0].outcome, Outcome::Warning);
    }
}
