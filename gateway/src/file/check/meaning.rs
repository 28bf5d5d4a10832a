//! What no schema says: names that must be defined, and values that must fit each other.

use std::collections::HashSet;

use spillway_crds::RegionPrioritySpec;
use spillway_decide::redirects::AliasSet;

use super::{Fault, text_of};
use crate::file::node::{Node, Step};
use crate::file::routes::compile_routes;
use crate::file::{FilePathType, FileRoute, GatewayFile};

/// Everything that does not fit together.
pub(super) fn faults(file: &GatewayFile, tree: &Node) -> Vec<Fault> {
    let mut meaning = Meaning { file, tree, names: HashSet::new(), faults: Vec::new() };
    for (index, route) in file.routes.iter().enumerate() {
        meaning.route(index, route);
    }
    for (name, backend) in &file.backends {
        let path = [field("backends"), field(name), field("aliases")];
        meaning.aliases(&path, &backend.aliases);
    }
    for (name, priority) in &file.priorities {
        meaning.priority(name, priority);
    }
    meaning.peers();
    meaning.tls();
    if meaning.faults.is_empty() {
        meaning.conflicts();
    }
    meaning.faults
}

struct Meaning<'a> {
    file: &'a GatewayFile,
    tree: &'a Node,
    names: HashSet<String>,
    faults: Vec<Fault>,
}

impl Meaning<'_> {
    fn fault(&mut self, path: &[Step], message: String) {
        let line = self.tree.nearest(path).line;
        self.faults.push(Fault { line, field: text_of(path), message });
    }

    fn route(&mut self, index: usize, route: &FileRoute) {
        let at = |name: &str| [field("routes"), Step::Index(index), field(name)];
        if !self.file.backends.contains_key(&route.backend) {
            let known = listed(self.file.backends.keys());
            self.fault(&at("backend"), format!("{:?} is not one of backends: {known}", route.backend));
        }
        if let Some(priority) =
            route.priority.as_ref().filter(|name| !self.file.priorities.contains_key(*name))
        {
            let known = listed(self.file.priorities.keys());
            self.fault(&at("priority"), format!("{priority:?} is not one of priorities: {known}"));
        }
        if !self.names.insert(route.name.clone()) {
            self.fault(
                &at("name"),
                format!("{:?} is the name of an earlier route; each needs its own", route.name),
            );
        }
        if route.strip_prefix && route.path_type == FilePathType::Exact {
            self.fault(&at("stripPrefix"), "needs pathType Prefix: an exact path has no rest".to_owned());
        }
        self.aliases(&at("redirectAliases"), &route.redirect_aliases);
    }

    fn aliases(&mut self, path: &[Step], entries: &[String]) {
        for (index, entry) in entries.iter().enumerate() {
            if let Err(error) = AliasSet::default().add(entry) {
                let path = [path, &[Step::Index(index)]].concat();
                self.fault(&path, error.to_string());
            }
        }
    }

    /// Routes as they are compiled: hosts that are none, and claims of the same host and path.
    fn conflicts(&mut self) {
        for rejection in compile_routes(self.file).1 {
            let name = rejection.ingress.trim_start_matches("file/");
            let index = self.file.routes.iter().position(|route| route.name == name).unwrap_or_default();
            let message = rejection.message.replace("older ingress file/", "earlier route ");
            self.fault(&[field("routes"), Step::Index(index)], message);
        }
    }

    /// What CEL says in the cluster.
    fn priority(&mut self, name: &str, priority: &RegionPrioritySpec) {
        let at = |path: &[&str]| -> Vec<Step> {
            ["priorities", name].iter().chain(path).map(|part| field(part)).collect()
        };
        let names: Vec<&str> = priority.regions.iter().map(|region| region.name.as_str()).collect();
        if (1..names.len()).any(|index| names[..index].contains(&names[index])) {
            self.fault(&at(&["regions"]), "names a region twice; each region once".to_owned());
        }
        for (part, steps) in
            [("shift", &priority.shift.steps_percent), ("recovery", &priority.recovery.steps_percent)]
        {
            if !steps.is_sorted_by(|a, b| a < b) || steps.last() != Some(&100) {
                let message = "must ascend, each step once, and end in 100, such as [10, 65, 100]";
                self.fault(&at(&[part, "stepsPercent"]), message.to_owned());
            }
        }
        let health = &priority.health;
        if health.unreachable_hold_seconds > health.hold_seconds {
            let message = format!("must be from 1 to holdSeconds ({})", health.hold_seconds);
            self.fault(&at(&["health", "unreachableHoldSeconds"]), message);
        }
        for (part, value) in [
            ("minAvailabilityPercent", &health.min_availability_percent),
            ("maxErrorPercent", &health.max_error_percent),
        ] {
            if value.value().is_none() {
                let message = "must be a decimal string from \"0\" to \"100\", such as \"99.9\"";
                self.fault(&at(&["health", part]), message.to_owned());
            }
        }
        if priority.recovery.hold_seconds > priority.recovery.max_hold_seconds {
            let message =
                format!("must be from 1 to maxHoldSeconds ({})", priority.recovery.max_hold_seconds);
            self.fault(&at(&["recovery", "holdSeconds"]), message);
        }
    }

    fn tls(&mut self) {
        let mut seen = HashSet::new();
        for (index, entry) in self.file.tls.iter().enumerate() {
            let at = [field("tls"), Step::Index(index), field("hosts")];
            if entry.hosts.is_empty() && !seen.insert(String::new()) {
                self.fault(&at, "is missing, as for an earlier one; there is one default".to_owned());
            }
            for host in &entry.hosts {
                let host = host.to_ascii_lowercase();
                let name = host.strip_prefix("*.").unwrap_or(&host);
                if name.is_empty() || name.contains(['*', ':', '/']) {
                    let message = format!("{host:?} must be a host, or *. and a suffix, without a port");
                    self.fault(&at, message);
                }
                if !seen.insert(host.clone()) {
                    self.fault(&at, format!("{host:?} has a certificate already; one each"));
                }
            }
        }
        if !self.file.tls.is_empty() && self.file.listen.https.is_none() {
            self.fault(&[field("tls")], "needs listen.https: nothing would be served by it".to_owned());
        }
    }

    fn peers(&mut self) {
        let members: Vec<&str> = self.file.peers.iter().map(|peer| peer.member.as_str()).collect();
        for index in 0..members.len() {
            let at = [field("peers"), Step::Index(index), field("member")];
            if members[..index].contains(&members[index]) {
                self.fault(&at, format!("{:?} is named twice; each member once", members[index]));
            }
        }
        if !self.file.peers.is_empty() && self.file.identity.is_none() {
            self.fault(&[field("peers")], "need identity: peers talk over mutual TLS".to_owned());
        }
    }
}

fn field(name: &str) -> Step {
    Step::Field(name.to_owned())
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "there are none".to_owned() } else { names.join(", ") }
}
