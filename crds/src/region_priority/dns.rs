//! What gateways answer to DNS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{dns_name, rule};

/// The zone and the times to live of a priority's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "self.suspectTTLSeconds <= self.ttlSeconds",
    "suspectTTLSeconds must be from 1 to ttlSeconds",
)]))]
pub struct Dns {
    /// Gateways answer for `<host>.<zone>` too, to be a CNAME's target. Absent: for the routes' own
    /// hosts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = [dns_name("zone")]))]
    pub zone: Option<String>,
    /// Seconds that resolvers may keep an answer while all is well; 1 to 86400.
    #[schemars(range(min = 1, max = 86400))]
    pub ttl_seconds: u32,
    /// Seconds that they may keep it from the first suspicion on; 1 to `ttlSeconds`.
    #[serde(rename = "suspectTTLSeconds")]
    #[schemars(range(min = 1, max = 86400))]
    pub suspect_ttl_seconds: u32,
}

impl Default for Dns {
    fn default() -> Self {
        Self { zone: None, ttl_seconds: 30, suspect_ttl_seconds: 5 }
    }
}
