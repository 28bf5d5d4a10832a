//! The certificates of the front door as plain data: which one for which host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Every certificate of the front door, and who gets which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Certificates {
    /// By name: `namespace/name` of a Secret, or where a file names it. Each can be used: that was checked.
    pub pairs: BTreeMap<String, Arc<KeyPair>>,
    /// Host, in lower case and perhaps `*.` and a suffix, to the name of its certificate.
    pub hosts: BTreeMap<String, String>,
    /// For clients that name no host, or one that has no certificate. None: they are refused.
    pub default: Option<String>,
}

impl Certificates {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// A certificate chain, leaf first, and the key of the leaf, in PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// The chain.
    pub certificate_pem: String,
    /// The key.
    pub key_pem: String,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyPair").finish_non_exhaustive()
    }
}
