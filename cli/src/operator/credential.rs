//! The file by which an operator is known to gateways. Whoever holds it may command until it expires.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) const KIND: &str = "OperatorCredential";

/// What `kubectl spillway credential` prints.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    pub(crate) kind: String,
    /// The name that gateways log and show.
    pub(crate) operator: String,
    pub(crate) federation: String,
    pub(crate) expires: Timestamp,
    /// PEM.
    pub(crate) certificate: String,
    /// PEM.
    pub(crate) key: String,
    /// PEM: who signs the gateways' certificates.
    pub(crate) authorities: String,
    /// Where gateways were when it was made, for the day when the hub cannot be asked.
    pub(crate) gateways: Vec<Gateway>,
}

/// The gateways of one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gateway {
    pub(crate) member: String,
    pub(crate) region: String,
    pub(crate) addresses: Vec<SocketAddr>,
    /// The URI name that its certificate must carry; absent: any member of the federation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<String>,
}

impl Credential {
    /// Refuses one that ends before what it is for.
    pub(super) fn lasts(&self, now: Timestamp, lifetime: Duration) -> Result<()> {
        if self.expires < now + lifetime {
            bail!(
                "the credential of {} expires at {}, and this needs one for {} minutes: have another one made with \
                 `kubectl spillway credential`",
                self.operator,
                self.expires,
                lifetime.as_secs().div_ceil(60)
            );
        }
        Ok(())
    }

    pub(crate) fn read(path: &Path, now: Timestamp) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("--credential {}", path.display()))?;
        let credential: Self = serde_json::from_str(&text)
            .with_context(|| format!("--credential {}: this is no {KIND}", path.display()))?;
        if credential.kind != KIND {
            bail!("--credential {}: kind is {:?}, must be {KIND:?}", path.display(), credential.kind);
        }
        if credential.expires <= now {
            bail!(
                "the credential of {} expired at {}: have another one made with `kubectl spillway credential`",
                credential.operator,
                credential.expires
            );
        }
        Ok(credential)
    }
}
