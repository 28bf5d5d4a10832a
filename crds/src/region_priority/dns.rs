//! What gateways answer to DNS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The zone and the times to live of a priority's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dns {
    /// Gateways answer for `<host>.<zone>` too, to be a CNAME's target. Absent: for the routes' own
    /// hosts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Seconds that resolvers may keep an answer while all is well.
    pub ttl_seconds: u32,
    /// Seconds that they may keep it from the first suspicion on; at most `ttlSeconds`.
    #[serde(rename = "suspectTTLSeconds")]
    pub suspect_ttl_seconds: u32,
}

impl Default for Dns {
    fn default() -> Self {
        Self { zone: None, ttl_seconds: 30, suspect_ttl_seconds: 5 }
    }
}
