//! From a member's objects to a [`Config`]: one pure step over everything, so that what is served never
//! depends on the order in which things changed.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use spillway_crds::{GatewayPeer, RegionPriority};
use spillway_decide::routes::{Rejection, compile};

use super::backends::Catalog;
use super::{Config, ingress, peers, priority, secret};

/// The objects that a gateway reads, as the watchers hold them.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Ingresses of every class.
    pub ingresses: Vec<Arc<Ingress>>,
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
}

/// Builds the config that follows `previous`, and says what of the objects cannot be used. Credentials that
/// are missing or broken leave the previous ones in force.
#[must_use]
pub fn build(objects: &Objects, previous: &Config) -> (Config, Vec<Rejection>) {
    let mut rejections = Vec::new();
    let ours = objects.ingresses.iter().filter(|object| ingress::is_ours(object));
    let ingresses = ours.map(|object| ingress::read(object, &mut rejections)).collect();
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
        routes,
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
