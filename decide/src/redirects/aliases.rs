//! The names and ports by which a route's backends may call themselves.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::reference::{Authority, Host};

/// Hosts, each with the ports on which it is one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AliasSet {
    hosts: BTreeMap<Host, Vec<u16>>,
}

/// An alias that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is not a host or host:port, such as portal.sz.example or 10.8.0.7:8080")]
pub struct AliasError(String);

impl AliasSet {
    /// Adds an alias as people write it: `host`, `host:port`, `scheme://host:port`. Without a port it stands
    /// for 80 and 443.
    pub fn add(&mut self, entry: &str) -> Result<(), AliasError> {
        let error = || AliasError(entry.to_owned());
        let text = entry.trim();
        let text = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let authority =
            Authority::parse(text.as_bytes()).filter(|found| !found.userinfo).ok_or_else(error)?;
        if let Some(port) = authority.port {
            self.insert(authority.host, port);
        } else {
            self.insert(authority.host.clone(), 80);
            self.insert(authority.host, 443);
        }
        Ok(())
    }

    /// Adds a host on one port.
    pub fn insert(&mut self, host: Host, port: u16) {
        let ports = self.hosts.entry(host).or_default();
        if let Err(position) = ports.binary_search(&port) {
            ports.insert(position, port);
        }
    }

    /// Adds an address on one port.
    pub fn insert_address(&mut self, address: IpAddr, port: u16) {
        self.insert(Host::from(address), port);
    }

    /// Whether the host on this port is one of ours.
    #[must_use]
    pub fn contains(&self, host: &Host, port: u16) -> bool {
        self.hosts.get(host).is_some_and(|ports| ports.binary_search(&port).is_ok())
    }

    /// Whether the host on any port is one of ours.
    #[must_use]
    pub fn contains_host(&self, host: &Host) -> bool {
        self.hosts.contains_key(host)
    }

    /// Whether nothing is one of ours.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}
