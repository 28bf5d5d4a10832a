//! How the programs of a control plane are started. Tuned for worlds that live for minutes: nothing is synced
//! to disk, what nobody asks for is not cached, and only the controllers run that Spillway relies on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::binaries::Binaries;
use crate::process::Spec;

/// Garbage collection follows owner references, namespace deletion empties namespaces; nothing else of the
/// controller-manager concerns Spillway.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,serviceaccount-controller,\
     serviceaccount-token-controller";

/// Where a control plane stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// `hub` or the region's name.
    pub cluster: String,
    /// Its directory: certificates and etcd's data.
    pub dir: PathBuf,
    /// The address of all three programs.
    pub address: Ipv4Addr,
    /// kube-apiserver's port.
    pub api_port: u16,
    /// etcd's port for clients; the next one is for peers.
    pub etcd_port: u16,
}

impl Place {
    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn etcd_url(&self) -> String {
        format!("http://{}:{}", self.address, self.etcd_port)
    }

    fn spec(&self, program: &str, path: &Path, flags: &[(&str, String)]) -> Spec {
        Spec {
            name: format!("{program}-{}", self.cluster),
            program: path.to_owned(),
            args: flags.iter().map(|(flag, value)| format!("--{flag}={value}")).collect(),
            env: BTreeMap::from([("GOGC".to_owned(), "200".to_owned())]),
        }
    }
}

/// The store. It forgets what it was told when the machine dies, which a world does not outlive.
#[must_use]
pub fn etcd(place: &Place, binaries: &Binaries) -> Spec {
    let peers = format!("http://{}:{}", place.address, place.etcd_port + 1);
    place.spec(
        "etcd",
        &binaries.etcd,
        &[
            ("name", place.cluster.clone()),
            ("data-dir", place.file("etcd")),
            ("unsafe-no-fsync", "true".into()),
            ("snapshot-count", "10000".into()),
            ("listen-client-urls", place.etcd_url()),
            ("advertise-client-urls", place.etcd_url()),
            ("listen-peer-urls", peers.clone()),
            ("initial-advertise-peer-urls", peers.clone()),
            ("initial-cluster", format!("{}={peers}", place.cluster)),
            ("log-level", "warn".into()),
        ],
    )
}

/// The API server.
#[must_use]
pub fn apiserver(place: &Place, binaries: &Binaries) -> Spec {
    place.spec(
        "apiserver",
        &binaries.apiserver,
        &[
            ("etcd-servers", place.etcd_url()),
            ("bind-address", place.address.to_string()),
            ("secure-port", place.api_port.to_string()),
            ("advertise-address", place.address.to_string()),
            // Loopback is not allowed in endpoints: nothing here needs the Service `kubernetes`.
            ("endpoint-reconciler-type", "none".into()),
            ("service-cluster-ip-range", "10.96.0.0/16".into()),
            ("tls-cert-file", place.file("apiserver.crt")),
            ("tls-private-key-file", place.file("apiserver.key")),
            ("client-ca-file", place.file("ca.crt")),
            ("service-account-issuer", "https://kubernetes.default.svc".into()),
            ("service-account-key-file", place.file("service-accounts.pub")),
            ("service-account-signing-key-file", place.file("service-accounts.key")),
            ("authorization-mode", "RBAC".into()),
            ("disable-admission-plugins", "ServiceAccount".into()),
            ("enable-priority-and-fairness", "false".into()),
            ("event-ttl", "1h".into()),
            ("profiling", "false".into()),
            ("min-request-timeout", "300".into()),
            ("v", "0".into()),
        ],
    )
}

/// The controller-manager.
#[must_use]
pub fn controller_manager(place: &Place, path: &Path) -> Spec {
    place.spec(
        "controller-manager",
        path,
        &[
            ("kubeconfig", place.file("controller-manager.kubeconfig")),
            ("controllers", CONTROLLERS.into()),
            ("service-account-private-key-file", place.file("service-accounts.key")),
            ("root-ca-file", place.file("ca.crt")),
            ("leader-elect", "false".into()),
            ("bind-address", place.address.to_string()),
            ("secure-port", "0".into()),
            ("concurrent-gc-syncs", "4".into()),
            ("concurrent-namespace-syncs", "4".into()),
            ("profiling", "false".into()),
            ("v", "0".into()),
        ],
    )
}
