//! From a file to the [`Config`] that an API server's objects make.

use std::path::Path;
use std::sync::Arc;

use spillway_decide::redirects::AliasSet;

use super::check::Fault;
use super::routes::{compile_routes, reference};
use super::{FileBackend, FileCertificate, FileProtocol, GatewayFile, IdentityFiles};
use crate::config::{Backend, Certificates, Config, Credentials, KeyPair, Protocol, peers, priority, secret};
use crate::tls::certify;

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
