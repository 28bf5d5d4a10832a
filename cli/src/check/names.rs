//! Whether people who ask for a name get what the gateways answer.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kube::ResourceExt;
use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};

use super::facts::{Asked, Name, Objects, Seen, Zone};
use super::finding::{Finding, Then};

/// More names are not asked for: what is wrong is mostly wrong with all of them.
const MOST: usize = 32;

/// The names of federated hosts, each with its priority, and the zones. Wildcards are no names.
pub(super) fn wanted(objects: &Objects) -> (Vec<(String, String)>, Vec<String>) {
    let (Ok(ingresses), Ok(priorities)) = (&objects.ingresses, &objects.priorities) else {
        return Default::default();
    };
    let zone = |name: &str| zone_of(priorities, name);
    let mut names = BTreeSet::new();
    for (host, priority) in ingresses.iter().flat_map(hosts) {
        names.insert((host.clone(), priority.clone()));
        names.extend(zone(&priority).map(|zone| (format!("{host}.{zone}"), priority.clone())));
    }
    let zones: BTreeSet<String> = priorities.iter().filter_map(|it| it.spec.dns.zone.clone()).collect();
    (names.into_iter().take(MOST).collect(), zones.into_iter().take(MOST).collect())
}

fn zone_of(priorities: &[RegionPriority], name: &str) -> Option<String> {
    priorities.iter().find(|priority| priority.name_any() == name)?.spec.dns.zone.clone()
}

fn hosts(ingress: &FederatedIngress) -> impl Iterator<Item = (String, String)> + '_ {
    let rules = ingress.spec.template.spec.rules.iter().flatten();
    let hosts = rules.filter_map(|rule| rule.host.clone()).filter(|host| !host.starts_with('*'));
    hosts.map(|host| (host, ingress.spec.region_priority.clone()))
}

pub(super) fn judge(
    names: &[Name],
    zones: &[Zone],
    objects: &Objects,
    gateways: &Seen<Vec<Asked>>,
) -> Vec<Finding> {
    let answers = |priority: &str| answered(gateways, priority);
    let doors = |priority: &str| doors(objects, priority);
    let names = names.iter().map(|name| name_is(name, &answers(&name.priority), &doors(&name.priority)));
    zones.iter().map(zone).chain(names).collect()
}

fn zone(zone: &Zone) -> Finding {
    let check = format!("the zone {} is delegated", zone.zone);
    match &zone.servers {
        Ok(servers) => Finding::ok(format!("{check} to {}", servers.join(", "))),
        Err(error) => Finding::failed(
            check,
            error,
            Then("give its parent zone NS records that name the gateways' DNS, with glue", "dns"),
        ),
    }
}

/// What the gateways' DNS answers for it now.
fn answered(gateways: &Seen<Vec<Asked>>, priority: &str) -> BTreeSet<IpAddr> {
    let told = gateways.iter().flatten().filter_map(|gateway| gateway.told.as_ref().ok());
    let about = told.filter_map(|told| told.report.priorities.get(priority));
    about.filter_map(|about| about.view.answer.as_ref()).flat_map(|it| it.addresses.clone()).collect()
}

/// The front doors of all its regions.
fn doors(objects: &Objects, priority: &str) -> BTreeSet<IpAddr> {
    let (Ok(members), Ok(priorities)) = (&objects.members, &objects.priorities) else {
        return BTreeSet::new();
    };
    let regions = priorities.iter().filter(|it| it.name_any() == priority).flat_map(|it| &it.spec.regions);
    let regions: BTreeSet<&str> = regions.map(|region| region.name.as_str()).collect();
    let within = |member: &&MemberCluster| regions.contains(member.spec.region.as_str());
    members.iter().filter(within).flat_map(|member| member.spec.front_door.addresses.clone()).collect()
}

fn name_is(name: &Name, answered: &BTreeSet<IpAddr>, doors: &BTreeSet<IpAddr>) -> Finding {
    let check = format!("{} resolves to what gateways answer", name.host);
    let delegate = Then(
        "delegate the name to the gateways' DNS by NS records, or make it a CNAME of its name in spec.dns.zone",
        "dns",
    );
    let found = match &name.addresses {
        Err(error) => return Finding::failed(check, error, delegate),
        Ok(found) => found,
    };
    let listed = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if found.iter().all(|address| answered.contains(address)) {
        Finding::ok(format!("{check}: {listed}"))
    } else if found.iter().all(|address| doors.contains(address)) {
        let found = format!("it resolves to {listed}, a front door that they do not answer with now");
        let wait = Then("run it again when the answer's TTL has passed: it may be an older answer", "dns");
        if answered.is_empty() {
            Finding::skipped(check, "no gateway told what it answers")
        } else {
            Finding::warning(check, found, wait)
        }
    } else {
        Finding::failed(
            check,
            format!("it resolves to {listed}, which is no front door of its regions"),
            delegate,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    fn addresses(text: &[&str]) -> Vec<IpAddr> {
        text.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_is_compared_with_what_gateways_answer() {
        let doors: BTreeSet<IpAddr> = addresses(&["192.0.2.1", "192.0.2.2"]).into_iter().collect();
        let now: BTreeSet<IpAddr> = addresses(&["192.0.2.1"]).into_iter().collect();
        for (resolved, answered, outcome) in [
            (Ok(addresses(&["192.0.2.1"])), &now, Outcome::Ok),
            (Ok(addresses(&["192.0.2.2"])), &now, Outcome::Warning),
            (Ok(addresses(&["192.0.2.2"])), &BTreeSet::new(), Outcome::Skipped),
            (Ok(addresses(&["198.51.100.1"])), &now, Outcome::Failed),
            (Ok(addresses(&["192.0.2.1", "198.51.100.1"])), &now, Outcome::Failed),
            (Err("NXDOMAIN".to_owned()), &now, Outcome::Failed),
        ] {
            let name = Name { host: "h".into(), priority: "p".into(), addresses: resolved };
            let finding = name_is(&name, answered, &doors);
            assert_eq!(finding.outcome, outcome, "{finding:?}");
        }
    }

    #[test]
    fn hosts_their_zone_names_and_zones_are_asked_for() {
        let ingress = serde_json::json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "FederatedIngress", "metadata": {"name": "i"},
            "spec": {"regionPriority": "gov", "template": {"spec": {"rules": [{"host": "a.example"}, {"host": "*.b.example"}]}}},
        });
        let priority = serde_json::json!({
            "apiVersion": "kube-federation.io/v1alpha1", "kind": "RegionPriority", "metadata": {"name": "gov"},
            "spec": {"regions": [{"name": "r"}], "dns": {"zone": "gslb.example"}},
        });
        let objects = Objects {
            members: Ok(Vec::new()),
            priorities: Ok(vec![serde_json::from_value(priority).unwrap()]),
            ingresses: Ok(vec![serde_json::from_value(ingress).unwrap()]),
        };
        let (names, zones) = wanted(&objects);
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            (names, zones),
            (vec!["a.example", "a.example.gslb.example"], vec!["gslb.example".to_owned()])
        );
    }
}
