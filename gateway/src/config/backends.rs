//! Services and their EndpointSlices as backends: who serves, and by which names it may call itself.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use spillway_decide::redirects::{AliasSet, Host};
use spillway_decide::routes::{BackendRef, PortRef};

use super::{Backend, Protocol};

/// The label by which a slice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

type Key<'a> = (&'a str, &'a str);

/// Services and slices, findable by namespace and Service.
pub(super) struct Catalog<'a> {
    services: HashMap<Key<'a>, &'a Service>,
    slices: HashMap<Key<'a>, Vec<&'a EndpointSlice>>,
}

impl<'a> Catalog<'a> {
    pub(super) fn new(services: &'a [Arc<Service>], slices: &'a [Arc<EndpointSlice>]) -> Self {
        let mut by_service: HashMap<Key<'a>, Vec<&EndpointSlice>> = HashMap::new();
        for slice in slices {
            let label = slice.metadata.labels.as_ref().and_then(|labels| labels.get(SERVICE_NAME));
            if let (Some(namespace), Some(service)) = (slice.metadata.namespace.as_deref(), label) {
                by_service.entry((namespace, service)).or_default().push(slice);
            }
        }
        let services = services
            .iter()
            .filter_map(|service| {
                let key = (service.metadata.namespace.as_deref()?, service.metadata.name.as_deref()?);
                Some((key, &**service))
            })
            .collect();
        Self { services, slices: by_service }
    }

    /// The backend of one Service port; empty when the Service or the port is not there.
    pub(super) fn backend(&self, reference: &BackendRef) -> Backend {
        let key = (reference.namespace.as_str(), reference.service.as_str());
        let Some(service) = self.services.get(&key) else { return Backend::default() };
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
        let mut aliases = AliasSet::default();
        add_service_names(&mut aliases, reference, service, ports);
        let Some(port) = ports.iter().find(|port| is_meant(port, &reference.port)) else {
            return Backend { aliases, ..Backend::default() };
        };
        let slices = self.slices.get(&key).map(Vec::as_slice).unwrap_or_default();
        let protocol = protocol(port, slices);
        let mut found = Found::default();
        for slice in slices {
            found.add_slice(slice, port);
        }
        for address in found.ready.iter().chain(&found.terminating) {
            aliases.insert_address(address.ip(), address.port());
        }
        Backend {
            ready: found.ready.into_iter().collect(),
            terminating: found.terminating.into_iter().collect(),
            protocol,
            aliases,
        }
    }
}

/// `appProtocol` of the Service's port (KEP-3726), or of the slices of a Service that says nothing: what is not
/// HTTP/2 without TLS is served as HTTP/1.1.
fn protocol(port: &ServicePort, slices: &[&EndpointSlice]) -> Protocol {
    let of_slice = || {
        let ports = slices.iter().flat_map(|slice| slice.ports.as_deref().unwrap_or_default());
        ports
            .filter(|candidate| is_same_port(candidate, port))
            .find_map(|found| found.app_protocol.as_deref())
    };
    match port.app_protocol.as_deref().or_else(of_slice) {
        Some("kubernetes.io/h2c" | "grpc") => Protocol::H2c,
        _ => Protocol::Http1,
    }
}

fn is_meant(port: &ServicePort, reference: &PortRef) -> bool {
    match reference {
        PortRef::Number(number) => port.port == i32::from(*number),
        PortRef::Name(name) => port.name.as_ref() == Some(name),
    }
}

/// Cluster DNS names and cluster addresses, on every port of the Service.
fn add_service_names(
    aliases: &mut AliasSet,
    reference: &BackendRef,
    service: &Service,
    ports: &[ServicePort],
) {
    let (name, namespace) = (&reference.service, &reference.namespace);
    let cluster_addresses = service.spec.as_ref().and_then(|spec| spec.cluster_ips.as_deref());
    let addresses: Vec<IpAddr> =
        cluster_addresses.unwrap_or_default().iter().filter_map(|address| address.parse().ok()).collect();
    for port in ports.iter().filter_map(|port| u16::try_from(port.port).ok()) {
        for suffix in [".svc.cluster.local", ".svc", ""] {
            aliases.insert(Host::name(&format!("{name}.{namespace}{suffix}")), port);
        }
        for address in &addresses {
            aliases.insert_address(*address, port);
        }
    }
}

/// Sorted, so that the same endpoints make the same config in whatever order they are listed.
#[derive(Default)]
struct Found {
    ready: BTreeSet<SocketAddr>,
    terminating: BTreeSet<SocketAddr>,
}

impl Found {
    fn add_slice(&mut self, slice: &EndpointSlice, port: &ServicePort) {
        let numbers: Vec<u16> = slice
            .ports
            .as_deref()
            .unwrap_or_default()
            .iter()
            .filter(|candidate| is_same_port(candidate, port))
            .filter_map(|candidate| u16::try_from(candidate.port?).ok())
            .collect();
        for endpoint in &slice.endpoints {
            self.add_endpoint(endpoint, &numbers);
        }
    }

    fn add_endpoint(&mut self, endpoint: &Endpoint, ports: &[u16]) {
        let conditions = endpoint.conditions.as_ref();
        // Without a word about it an endpoint is ready, and serving is as ready as it is.
        let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
        let serving = conditions.and_then(|conditions| conditions.serving).unwrap_or(ready);
        let terminating = conditions.and_then(|conditions| conditions.terminating).unwrap_or(false);
        let list = match (ready, terminating && serving) {
            (true, _) => &mut self.ready,
            (false, true) => &mut self.terminating,
            (false, false) => return,
        };
        // All addresses of one endpoint are the same pod; the first is enough. Slices of type FQDN are read
        // too: that is how an address that `IPv4` refuses (loopback) is written. Names are not looked up.
        if let Some(address) = endpoint.addresses.first().and_then(|address| address.parse::<IpAddr>().ok()) {
            list.extend(ports.iter().map(|port| SocketAddr::new(address, *port)));
        }
    }
}

/// Slices and Services agree by the port's name; a Service's only port may have none.
fn is_same_port(candidate: &EndpointPort, port: &ServicePort) -> bool {
    let tcp = |protocol: Option<&str>| protocol.unwrap_or("TCP") == "TCP";
    candidate.name.as_deref().unwrap_or_default() == port.name.as_deref().unwrap_or_default()
        && tcp(candidate.protocol.as_deref())
}
