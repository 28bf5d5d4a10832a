//! From a member's objects to a [`Config`]: one pure step over everything, so that what is served never
//! depends on the order in which things changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use spillway_crds::{GatewayPeer, RegionPriority};
use spillway_decide::routes::{Rejection, RouteTable, compile};

use super::backends::Catalog;
use super::class::Classes;
use super::tls::Sources;
use super::{Certificates, Config, ingress, peers, priority, secret};

/// What a gateway's flags say about which objects are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Ingress classes to serve; if none, `spillway` and each class of which Spillway is the controller.
    pub classes: Vec<String>,
    /// Whether there is a listener for TLS: without one, no Secret but the identity is asked for.
    pub https: bool,
    /// The namespaces whose Secrets of certificates may be asked for; if none, all.
    pub secret_namespaces: Vec<String>,
    /// The Secret of the default certificate, `namespace/name`.
    pub default_certificate: Option<String>,
}

/// The objects that a gateway reads, as the watchers hold them.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Ingresses of every class.
    pub ingresses: Vec<Arc<Ingress>>,
    /// Their classes.
    pub classes: Vec<Arc<IngressClass>>,
    /// Services.
    pub services: Vec<Arc<Service>>,
    /// Their slices.
    pub slices: Vec<Arc<EndpointSlice>>,
    /// Region priorities.
    pub priorities: Vec<Arc<RegionPriority>>,
    /// Gateway peers.
    pub peers: Vec<Arc<GatewayPeer>>,
    /// The identity Secret.
    pub identity: Option<Arc<Secret>>,
    /// Secrets of type `kubernetes.io/tls`; none while they have not been read.
    pub certificates: Option<Vec<Arc<Secret>>>,
    /// Namespaces whose Secrets were asked for and could not be read, while others could.
    pub unread_namespaces: BTreeSet<String>,
    /// Which of all this is ours.
    pub choices: Choices,
}

/// Builds the config that follows `previous`, and says what of the objects cannot be used. Credentials that
/// are missing or broken leave the previous ones in force.
#[must_use]
pub fn build(objects: &Objects, previous: &Config) -> (Config, Vec<Rejection>) {
    let mut rejections = Vec::new();
    let classes = Classes::new(&objects.classes, &objects.choices.classes);
    let ours: Vec<&Ingress> =
        objects.ingresses.iter().map(|object| &**object).filter(|object| classes.serve(object)).collect();
    let ingresses = ours.iter().map(|object| ingress::read(object, &mut rejections)).collect();
    let (routes, conflicts) = compile(ingresses);
    rejections.extend(conflicts);

    let catalog = Catalog::new(&objects.services, &objects.slices);
    let mut backends = HashMap::new();
    for route in routes.routes() {
        backends.entry(route.backend.clone()).or_insert_with(|| catalog.backend(&route.backend));
    }

    let mut config = Config {
        generation: previous.generation + 1,
        identity: previous.identity.clone(),
        certificates: read_certificates(objects, ours, &routes, previous, &mut rejections),
        routes,
        rejected: Vec::new(), // known when all is read; the intake puts it in
        backends,
        priorities: objects
            .priorities
            .iter()
            .filter_map(|object| Some((object.metadata.name.clone()?, priority::read(&object.spec))))
            .collect(),
        peers: objects.peers.iter().map(|object| peers::read(&object.spec)).collect(),
        credentials: previous.credentials.clone(),
    };
    config.peers.sort_by(|a, b| a.member.cmp(&b.member));
    take_credentials(&mut config, objects.identity.as_deref(), &mut rejections);
    (config, rejections)
}

fn read_certificates(
    objects: &Objects,
    ours: Vec<&Ingress>,
    routes: &RouteTable,
    previous: &Config,
    rejections: &mut Vec<Rejection>,
) -> Certificates {
    if !objects.choices.https {
        return Certificates::default();
    }
    let sources = Sources {
        secrets: objects.certificates.as_deref(),
        unread: &objects.unread_namespaces,
        default: objects.choices.default_certificate.as_deref(),
        routes,
        previous: &previous.certificates,
    };
    sources.read(ours, rejections)
}

fn take_credentials(config: &mut Config, object: Option<&Secret>, rejections: &mut Vec<Rejection>) {
    match object.map(|object| secret::read(object, &config.identity)) {
        Some(Ok((credentials, federation))) => {
            config.identity.federation = federation;
            config.credentials = Some(Arc::new(credentials));
        }
        Some(Err(error)) => {
            rejections.push(Rejection { ingress: "identity".into(), message: error.to_string() });
        }
        None => {}
    }
}

#[cfg(test)]
mod tests;
