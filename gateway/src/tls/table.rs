//! Which certificate a client gets: that of the host that it names, of the wildcard above it, or the default.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::sign::CertifiedKey;
use serde::Serialize;

use super::certificate::{Certified, certify};
use crate::config::Certificates;

/// Certificates, ready to be signed with.
#[derive(Debug, Default)]
pub(super) struct Table {
    of: Certificates,
    certified: BTreeMap<String, Certified>,
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By the suffix after `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    default: Option<Arc<CertifiedKey>>,
}

impl Table {
    /// Prepares the certificates; what `previous` has of them is not parsed again.
    pub(super) fn new(of: Certificates, previous: &Self) -> Self {
        let mut table = Self::default();
        for (name, pair) in &of.pairs {
            let known = previous.of.pairs.get(name).filter(|known| *known == pair);
            let known = known.and_then(|_| previous.certified.get(name).cloned());
            match known.map_or_else(|| certify(pair), Ok) {
                Ok(certified) => {
                    table.certified.insert(name.clone(), certified);
                }
                // Checked before it came here; a snapshot may hold what was damaged since.
                Err(error) => tracing::warn!(certificate = name, %error, "certificate not served"),
            }
        }
        let key = |name: &String| Some(Arc::clone(&table.certified.get(name)?.key));
        for (host, name) in &of.hosts {
            let Some(key) = key(name) else { continue };
            match host.strip_prefix("*.") {
                Some(suffix) => table.wildcard.insert(suffix.to_owned(), key),
                None => table.exact.insert(host.clone(), key),
            };
        }
        table.default = of.default.as_ref().and_then(key);
        table.of = of;
        table
    }

    pub(super) fn is_of(&self, certificates: &Certificates) -> bool {
        self.of == *certificates
    }

    /// The certificate for a client that asks for `host`.
    pub(super) fn lookup(&self, host: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let host = host.map(str::to_ascii_lowercase);
        let named = host.as_deref().and_then(|host| {
            let above = || self.wildcard.get(host.split_once('.')?.1);
            self.exact.get(host).or_else(above)
        });
        named.or(self.default.as_ref()).cloned()
    }

    /// When each expires, in seconds since the epoch.
    pub(super) fn expiries(&self) -> impl Iterator<Item = (&String, i64)> {
        self.certified.iter().map(|(name, certified)| (name, certified.not_after))
    }
}

/// What `/debug/config` shows of a certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    name: String,
    hosts: Vec<String>,
    default: bool,
    not_after: Option<Timestamp>,
}

/// All of them, without keys.
pub(crate) fn shown(certificates: &Certificates) -> Vec<Shown> {
    let show = |(name, pair): (&String, _)| Shown {
        hosts: certificates
            .hosts
            .iter()
            .filter(|(_, named)| *named == name)
            .map(|(host, _)| host.clone())
            .collect(),
        default: certificates.default.as_ref() == Some(name),
        not_after: certify(pair).ok().and_then(|certified| Timestamp::from_second(certified.not_after).ok()),
        name: name.clone(),
    };
    certificates.pairs.iter().map(|(name, pair)| show((name, &**pair))).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair as Key};

    use super::*;
    use crate::config::KeyPair;

    fn pair() -> Arc<KeyPair> {
        let key = Key::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        Arc::new(KeyPair { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    #[test]
    fn the_nearest_name_wins() {
        let named = |names: &[(&str, &str)]| {
            names.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mut of = Certificates {
            pairs: ["shop", "wild", "rest"].map(|name| (name.to_owned(), pair())).into(),
            hosts: named(&[("shop.example.com", "shop"), ("*.example.com", "wild")]),
            default: Some("rest".to_owned()),
        };
        let table = Table::new(of.clone(), &Table::default());
        let is = |table: &Table, host: Option<&str>, name: &str| {
            let found = table.lookup(host).unwrap();
            assert!(Arc::ptr_eq(&found, &table.certified[name].key), "{host:?} is not served by {name}");
        };
        for (host, name) in [
            (Some("shop.example.com"), "shop"),
            (Some("SHOP.example.com"), "shop"),
            (Some("other.example.com"), "wild"),
            (Some("a.shop.example.com"), "rest"),
            (Some("example.com"), "rest"),
            (None, "rest"),
        ] {
            is(&table, host, name);
        }
        of.default = None;
        let without = Table::new(of, &table);
        assert!(Arc::ptr_eq(&without.certified["shop"].key, &table.certified["shop"].key), "parsed once");
        assert!(without.lookup(Some("example.com")).is_none() && without.lookup(None).is_none());
    }
}
