//! From a file to the [`Config`] that an API server's objects make.

use std::path::Path;
use std::sync::Arc;

use spillway_decide::redirects::AliasSet;
use spillway_decide::routes::{
    BackendRef, Ingress, IngressPath, IngressRule, LimitedTo, PathType, Policy, PortRef, Rejection,
    RouteTable, SpillPolicy, compile,
};

use super::check::Fault;
use super::{
    FileBackend, FileCertificate, FileLimit, FilePathType, FileProtocol, FileRoute, FileSpill, GatewayFile,
    IdentityFiles,
};
use crate::config::{Backend, Certificates, Config, Credentials, KeyPair, Protocol, peers, priority, secret};
use crate::tls::certify;

/// Stands where a namespace does for objects.
const NAMESPACE: &str = "file";
/// Stands where a Service's port does.
const PORT: &str = "endpoints";

/// Builds the config; `folder` is where relative paths begin.
pub fn build(file: &GatewayFile, folder: &Path) -> Result<Config, Vec<Fault>> {
    let (routes, _) = compile_routes(file);
    let mut config = Config {
        generation: 1,
        routes,
        backends: file
            .backends
            .iter()
            .map(|(name, backend)| (reference(name), read_backend(backend)))
            .collect(),
        priorities: file.priorities.iter().map(|(name, spec)| (name.clone(), priority::read(spec))).collect(),
        peers: file.peers.iter().map(peers::read).collect(),
        ..Config::empty(&file.region, &file.member)
    };
    config.peers.sort_by(|a, b| a.member.cmp(&b.member));
    if let Some(files) = &file.identity {
        let credentials = read_identity(files, folder)?;
        let unusable = |error: &dyn std::fmt::Display| vec![identity_fault("identity", error)];
        config.identity.federation =
            secret::check(&credentials, &config.identity).map_err(|error| unusable(&error))?;
        config.credentials = Some(Arc::new(credentials));
    }
    config.certificates = read_certificates(&file.tls, folder)?;
    Ok(config)
}

/// The routes, and those that cannot be used.
pub(super) fn compile_routes(file: &GatewayFile) -> (RouteTable, Vec<Rejection>) {
    compile((0..).zip(&file.routes).map(|(order, route)| read_route(order, route)).collect())
}

fn read_route(order: i64, route: &FileRoute) -> Ingress {
    let path = IngressPath {
        path: Some(route.path.clone()),
        path_type: match route.path_type {
            FilePathType::Prefix => PathType::Prefix,
            FilePathType::Exact => PathType::Exact,
        },
        service: route.backend.clone(),
        port: PortRef::Name(PORT.to_owned()),
    };
    Ingress {
        namespace: NAMESPACE.to_owned(),
        name: route.name.clone(),
        // The first in the file is the oldest.
        created: order,
        priority: route.priority.clone(),
        redirect_aliases: route.redirect_aliases.clone(),
        probe_path: route.probe.as_ref().map(|probe| probe.path.clone()),
        probe_host: route.probe.as_ref().and_then(|probe| probe.host.clone()),
        spill: match route.spill {
            FileSpill::All => SpillPolicy::All,
            FileSpill::SafeMethods => SpillPolicy::SafeMethods,
            FileSpill::None => SpillPolicy::None,
        },
        max_body_bytes: route.max_body_bytes,
        strip_prefix: route.strip_prefix,
        rewrite_links: route.rewrite_links,
        https_redirect: route.https_redirect,
        policy: read_policy(route),
        rules: vec![IngressRule { host: route.host.clone(), paths: vec![path] }],
        default_backend: None,
    }
}

fn read_policy(route: &FileRoute) -> Policy {
    let usual = Policy::default();
    Policy {
        connect_timeout_milliseconds: route
            .connect_timeout_milliseconds
            .unwrap_or(usual.connect_timeout_milliseconds),
        response_timeout_milliseconds: route
            .response_timeout_milliseconds
            .unwrap_or(usual.response_timeout_milliseconds),
        idle_timeout_milliseconds: route.idle_timeout_milliseconds,
        retries: route.retries.unwrap_or(usual.retries),
        retry_on_status: route.retry_on_status.clone(),
        slow_start_seconds: route.slow_start_seconds.unwrap_or(usual.slow_start_seconds),
        affinity_cookie: route.affinity_cookie.clone(),
        concurrency_limit: match route.concurrency_limit {
            FileLimit::None => LimitedTo::None,
            FileLimit::Spilled => LimitedTo::Spilled,
            FileLimit::All => LimitedTo::All,
        },
    }
}

fn reference(name: &str) -> BackendRef {
    BackendRef { namespace: NAMESPACE.into(), service: name.to_owned(), port: PortRef::Name(PORT.to_owned()) }
}

fn read_backend(backend: &FileBackend) -> Backend {
    let mut aliases = AliasSet::default();
    for endpoint in &backend.endpoints {
        aliases.insert_address(endpoint.ip(), endpoint.port());
    }
    for entry in &backend.aliases {
        // Checked with the file; a bad one is never an alias.
        let _ = aliases.add(entry);
    }
    Backend {
        ready: backend.endpoints.clone(),
        terminating: Vec::new(),
        protocol: match backend.protocol {
            FileProtocol::Http1 => Protocol::Http1,
            FileProtocol::H2c => Protocol::H2c,
        },
        aliases,
    }
}

fn read_identity(files: &IdentityFiles, folder: &Path) -> Result<Credentials, Vec<Fault>> {
    let read = |field: &str, path: &Path| {
        let path = folder.join(path);
        std::fs::read_to_string(&path).map_err(|error| {
            vec![identity_fault(&format!("identity.{field}"), &format!("{}: {error}", path.display()))]
        })
    };
    Ok(Credentials {
        certificate_pem: read("certificate", &files.certificate)?,
        key_pem: read("key", &files.key)?,
        authorities_pem: read("authorities", &files.authorities)?,
    })
}

fn read_certificates(list: &[FileCertificate], folder: &Path) -> Result<Certificates, Vec<Fault>> {
    let (mut certificates, mut faults) = (Certificates::default(), Vec::new());
    for (index, entry) in list.iter().enumerate() {
        let name = format!("tls[{index}]");
        match read_pair(&name, entry, folder) {
            Ok(pair) => certificates.pairs.insert(name.clone(), Arc::new(pair)),
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        if entry.hosts.is_empty() {
            certificates.default = Some(name);
        } else {
            let hosts = entry.hosts.iter().map(|host| (host.to_ascii_lowercase(), name.clone()));
            certificates.hosts.extend(hosts);
        }
    }
    if faults.is_empty() { Ok(certificates) } else { Err(faults) }
}

fn read_pair(at: &str, entry: &FileCertificate, folder: &Path) -> Result<KeyPair, Fault> {
    let read = |field: &str, path: &Path| {
        let path = folder.join(path);
        std::fs::read_to_string(&path).map_err(|error| {
            identity_fault(&format!("{at}.{field}"), &format!("{}: {error}", path.display()))
        })
    };
    let pair = KeyPair {
        certificate_pem: read("certificate", &entry.certificate)?,
        key_pem: read("key", &entry.key)?,
    };
    certify(&pair).map_err(|error| identity_fault(at, &error))?;
    Ok(pair)
}

/// What lies in other files; the line is that of the field, found by whoever has the text.
fn identity_fault(field: &str, message: &dyn std::fmt::Display) -> Fault {
    Fault { line: 0, field: field.to_owned(), message: message.to_string() }
}
