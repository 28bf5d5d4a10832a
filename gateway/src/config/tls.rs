//! `spec.tls` of Ingresses and the Secrets that it names, as certificates of the front door.
//!
//! What is missing or broken costs only the hosts that need it, and is told. A Secret that becomes bad leaves
//! the certificate that it held before in force.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::{Ingress, IngressTLS};
use spillway_crds::names::secrets::{TLS_CRT, TLS_KEY};
use spillway_decide::routes::{HostPattern, Rejection, RouteTable};

use super::certificates::{Certificates, KeyPair};
use crate::tls::certify;

/// What certificates are read from.
pub(super) struct Sources<'a> {
    /// Every Secret of type `kubernetes.io/tls`; none while they have not been read.
    pub(super) secrets: Option<&'a [Arc<Secret>]>,
    /// Namespaces of which that is not known, though it is of others.
    pub(super) unread: &'a BTreeSet<String>,
    /// The Secret of the default certificate, `namespace/name`.
    pub(super) default: Option<&'a str>,
    /// Who owns which host.
    pub(super) routes: &'a RouteTable,
    /// What was served until now.
    pub(super) previous: &'a Certificates,
}

impl Sources<'_> {
    /// Reads what these Ingresses ask for, the oldest first.
    pub(super) fn read(&self, mut ingresses: Vec<&Ingress>, rejections: &mut Vec<Rejection>) -> Certificates {
        ingresses.sort_by_key(|ingress| {
            let metadata = &ingress.metadata;
            let created = metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
            (created, metadata.namespace.clone(), metadata.name.clone())
        });
        let mut reader = Reader::new(self, rejections);
        if let Some(name) = self.default {
            reader.default(name);
        }
        for ingress in ingresses {
            reader.ingress(ingress);
        }
        reader.found
    }
}

struct Reader<'a> {
    secrets: Option<HashMap<String, &'a Secret>>,
    unread: &'a BTreeSet<String>,
    previous: &'a BTreeMap<String, Arc<KeyPair>>,
    owners: HashMap<&'a HostPattern, &'a str>,
    rejections: &'a mut Vec<Rejection>,
    found: Certificates,
    /// Said once, however many hosts need it.
    bad: HashMap<String, String>,
}

impl<'a> Reader<'a> {
    fn new(sources: &Sources<'a>, rejections: &'a mut Vec<Rejection>) -> Self {
        let by_name = |secrets: &'a [Arc<Secret>]| {
            let named = |secret: &'a Arc<Secret>| {
                let metadata = &secret.metadata;
                let (namespace, name) = (metadata.namespace.as_ref()?, metadata.name.as_ref()?);
                Some((format!("{namespace}/{name}"), &**secret))
            };
            secrets.iter().filter_map(named).collect()
        };
        let mut owners = HashMap::new();
        for route in sources.routes.routes() {
            owners.entry(&route.host).or_insert(route.backend.namespace.as_str());
        }
        let secrets = sources.secrets.map(by_name);
        let (unread, previous) = (sources.unread, &sources.previous.pairs);
        let (found, bad) = (Certificates::default(), HashMap::new());
        Self { secrets, unread, previous, owners, rejections, found, bad }
    }

    fn default(&mut self, name: &str) {
        match self.take(name) {
            Ok(()) => self.found.default = Some(name.to_owned()),
            Err(message) => self.reject("--default-certificate", message),
        }
    }

    fn ingress(&mut self, ingress: &Ingress) {
        let namespace = ingress.metadata.namespace.clone().unwrap_or_default();
        let name = format!("{namespace}/{}", ingress.metadata.name.as_deref().unwrap_or_default());
        let Some(spec) = &ingress.spec else { return };
        let of_rules =
            || -> Vec<String> { spec.rules.iter().flatten().filter_map(|rule| rule.host.clone()).collect() };
        for (index, entry) in spec.tls.iter().flatten().enumerate() {
            let at = format!("spec.tls[{index}]");
            let hosts = entry.hosts.clone().filter(|hosts| !hosts.is_empty()).unwrap_or_else(of_rules);
            if let Err(message) = self.entry(&namespace, &at, entry, &hosts) {
                self.reject(&name, message);
            }
        }
    }

    fn entry(
        &mut self,
        namespace: &str,
        at: &str,
        entry: &IngressTLS,
        hosts: &[String],
    ) -> Result<(), String> {
        let Some(secret) = entry.secret_name.as_deref().filter(|name| !name.is_empty()) else {
            // The default certificate serves hosts without one of their own.
            return match self.found.default {
                Some(_) => Ok(()),
                None => Err(format!("{at}.secretName is missing, and there is no default certificate")),
            };
        };
        if hosts.is_empty() {
            return Err(format!("{at}.hosts: at least one host is required, here or in rules"));
        }
        let name = format!("{namespace}/{secret}");
        let taken = self.take(&name).map_err(|message| format!("{at}.secretName: {message}"));
        let mut problems: Vec<String> = taken.err().into_iter().collect();
        if self.found.pairs.contains_key(&name) {
            problems.extend(hosts.iter().filter_map(|host| self.host(namespace, at, host, &name).err()));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// Gives a host its certificate, unless somebody older did.
    fn host(&mut self, namespace: &str, at: &str, host: &str, certificate: &str) -> Result<(), String> {
        let host = host.to_ascii_lowercase();
        let pattern = match host.strip_prefix("*.") {
            Some(suffix) => HostPattern::Wildcard(suffix.to_owned()),
            None => HostPattern::Exact(host.clone()),
        };
        if let Some(owner) = self.owners.get(&pattern).filter(|owner| **owner != namespace) {
            return Err(format!("{at}.hosts: {host:?} belongs to the namespace {owner}"));
        }
        let has = self.found.hosts.entry(host.clone()).or_insert_with(|| certificate.to_owned());
        if has == certificate {
            return Ok(());
        }
        Err(format!("{at}.hosts: {host:?} has the certificate {has} by an older ingress"))
    }

    /// Takes a Secret's certificate among those that are served; told as an error even where an older one is.
    fn take(&mut self, name: &str) -> Result<(), String> {
        if self.found.pairs.contains_key(name) {
            return Ok(());
        }
        if let Some(message) = self.bad.get(name) {
            return Err(message.clone());
        }
        let (pair, problem) = match self.read(name) {
            Ok(pair) => (Some(pair), None),
            Err((message, before)) => (before, Some(message)),
        };
        if let Some(pair) = pair {
            self.found.pairs.insert(name.to_owned(), pair);
        }
        problem.map_or(Ok(()), |message| {
            self.bad.insert(name.to_owned(), message.clone());
            Err(message)
        })
    }

    /// The certificate, or what is wrong with it and what is served in its place.
    fn read(&self, name: &str) -> Result<Arc<KeyPair>, (String, Option<Arc<KeyPair>>)> {
        let before = self.previous.get(name).cloned();
        let namespace = name.split_once('/').map_or("", |(namespace, _)| namespace);
        let Some(secrets) = self.secrets.as_ref().filter(|_| !self.unread.contains(namespace)) else {
            let message = "Secrets of type kubernetes.io/tls cannot be read; may the gateway list them?";
            return before.ok_or_else(|| (format!("Secret {name}: {message}"), None));
        };
        let Some(secret) = secrets.get(name) else {
            return Err((format!("there is no Secret {name} of type kubernetes.io/tls"), None));
        };
        let pair = pair(secret).map_err(|message| (format!("Secret {name}: {message}"), before.clone()))?;
        // What was checked once is not parsed again with every change of an endpoint.
        if let Some(before) = before.as_ref().filter(|before| ***before == pair) {
            return Ok(Arc::clone(before));
        }
        match certify(&pair) {
            Ok(_) => Ok(Arc::new(pair)),
            Err(error) => {
                let stays = if before.is_some() { "; the certificate before stays" } else { "" };
                Err((format!("Secret {name}: {error}{stays}"), before))
            }
        }
    }

    fn reject(&mut self, ingress: &str, message: String) {
        self.rejections.push(Rejection { ingress: ingress.to_owned(), message });
    }
}

fn pair(secret: &Secret) -> Result<KeyPair, String> {
    let field = |name: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(name)).map(|bytes| bytes.0.clone());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| format!("{name} is missing or no text; tls.crt and tls.key are required, in PEM"))
    };
    Ok(KeyPair { certificate_pem: field(TLS_CRT)?, key_pem: field(TLS_KEY)? })
}

#[cfg(test)]
mod tests;
