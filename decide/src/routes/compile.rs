//! From Ingresses to routes, oldest first, naming what cannot be used instead of failing the rest.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::source::{Ingress, IngressPath, IngressRule, PathType, PortRef};
use super::{BackendRef, HostPattern, PathPattern, Probe, Route, RouteTable};
use crate::redirects::AliasSet;

/// A part of an Ingress that is not served, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// `namespace/name` of the Ingress.
    pub ingress: String,
    /// What is wrong, naming the field and what is allowed.
    pub message: String,
}

/// Compiles all Ingresses. One bad entry costs only itself.
#[must_use]
pub fn compile(mut ingresses: Vec<Ingress>) -> (RouteTable, Vec<Rejection>) {
    ingresses.sort_by(|a, b| (a.created, &a.namespace, &a.name).cmp(&(b.created, &b.namespace, &b.name)));
    let mut compiler = Compiler::default();
    for ingress in &ingresses {
        compiler.ingress(ingress);
    }
    (RouteTable::new(compiler.routes), compiler.rejections)
}

#[derive(Default)]
struct Compiler {
    routes: Vec<Route>,
    rejections: Vec<Rejection>,
    owners: HashMap<(HostPattern, PathPattern), String>,
    /// The namespace that claimed a host first, by the ingress that did so: who may write Ingresses in another
    /// one must not take paths of it.
    hosts: HashMap<HostPattern, (String, String)>,
}

impl Compiler {
    fn ingress(&mut self, ingress: &Ingress) {
        let aliases = self.aliases(ingress);
        for rule in &ingress.rules {
            self.rule(ingress, rule, &aliases);
        }
        if let Some((service, port)) = &ingress.default_backend {
            self.route(ingress, &aliases, HostPattern::Any, PathPattern::Default, service, port);
        }
    }

    fn aliases(&mut self, ingress: &Ingress) -> AliasSet {
        let mut aliases = AliasSet::default();
        for entry in &ingress.redirect_aliases {
            if let Err(error) = aliases.add(entry) {
                self.reject(ingress, format!("redirect-aliases: {error}"));
            }
        }
        aliases
    }

    fn rule(&mut self, ingress: &Ingress, rule: &IngressRule, aliases: &AliasSet) {
        let host = match host_pattern(rule.host.as_deref()) {
            Ok(host) => host,
            Err(message) => return self.reject(ingress, message),
        };
        if let Err(message) = self.claim(ingress, &host) {
            return self.reject(ingress, message);
        }
        for path in &rule.paths {
            match path_pattern(path) {
                Ok(pattern) => {
                    self.route(ingress, aliases, host.clone(), pattern, &path.service, &path.port);
                }
                Err(message) => self.reject(ingress, message),
            }
        }
    }

    /// A host belongs to one namespace; rules without a host belong to nobody.
    fn claim(&mut self, ingress: &Ingress, host: &HostPattern) -> Result<(), String> {
        if *host == HostPattern::Any {
            return Ok(());
        }
        let claimed = || (ingress.namespace.clone(), format!("{}/{}", ingress.namespace, ingress.name));
        let (namespace, owner) = self.hosts.entry(host.clone()).or_insert_with(claimed);
        if *namespace == ingress.namespace {
            return Ok(());
        }
        Err(format!(
            "rules.host {:?} belongs to the namespace {namespace} by the older ingress {owner}",
            text_of_host(host)
        ))
    }

    fn route(
        &mut self,
        ingress: &Ingress,
        aliases: &AliasSet,
        host: HostPattern,
        path: PathPattern,
        service: &str,
        port: &PortRef,
    ) {
        let name = format!("{}/{}", ingress.namespace, ingress.name);
        let id = format!("{name}:{}{}", text_of_host(&host), text_of_path(&path));
        if let Some(owner) = self.owners.get(&(host.clone(), path.clone())) {
            let message = format!("{} is already served by the older ingress {owner}", &id[name.len() + 1..]);
            return self.reject(ingress, message);
        }
        self.owners.insert((host.clone(), path.clone()), name.clone());
        self.routes.push(Route {
            id,
            ingress: name,
            host,
            path,
            priority: ingress.priority.clone(),
            backend: BackendRef {
                namespace: ingress.namespace.clone(),
                service: service.to_owned(),
                port: port.clone(),
            },
            aliases: aliases.clone(),
            probe: ingress.probe_path.clone().map(|path| Probe { path, host: ingress.probe_host.clone() }),
            spill: ingress.spill,
            max_body_bytes: ingress.max_body_bytes,
            policy: ingress.policy.clone(),
            strip_prefix: ingress.strip_prefix,
            rewrite_links: ingress.rewrite_links,
            https_redirect: ingress.https_redirect,
        });
    }

    fn reject(&mut self, ingress: &Ingress, message: String) {
        let ingress = format!("{}/{}", ingress.namespace, ingress.name);
        self.rejections.push(Rejection { ingress, message });
    }
}

fn host_pattern(host: Option<&str>) -> Result<HostPattern, String> {
    let Some(host) = host.filter(|host| !host.is_empty()) else { return Ok(HostPattern::Any) };
    let host = host.to_ascii_lowercase();
    match host.strip_prefix("*.") {
        Some(suffix) if !suffix.is_empty() && !suffix.contains('*') => {
            Ok(HostPattern::Wildcard(suffix.to_owned()))
        }
        None if !host.contains('*') => Ok(HostPattern::Exact(host)),
        _ => Err(format!("rules.host {host:?}: a wildcard is allowed only as the whole first label")),
    }
}

fn path_pattern(path: &IngressPath) -> Result<PathPattern, String> {
    let text = path.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    if !text.starts_with('/') {
        return Err(format!("rules.http.paths.path {text:?}: must begin with /"));
    }
    Ok(match path.path_type {
        PathType::Exact => PathPattern::Exact(text.to_owned()),
        PathType::Prefix | PathType::ImplementationSpecific => {
            PathPattern::Prefix(text.trim_end_matches('/').to_owned())
        }
    })
}

fn text_of_host(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Wildcard(suffix) => format!("*.{suffix}"),
        HostPattern::Any => "*".to_owned(),
    }
}

fn text_of_path(path: &PathPattern) -> String {
    match path {
        PathPattern::Exact(path) => format!("{path}="),
        PathPattern::Prefix(prefix) => format!("{prefix}/"),
        PathPattern::Default => " default".to_owned(),
    }
}
