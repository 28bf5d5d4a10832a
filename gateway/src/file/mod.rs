//! A gateway from one file, without Kubernetes: the same routes, regions and peers, written down by a person.
//!
//! [`GatewayFile`] is the document, and the source of its JSON schema ([`schema`]). [`check`] says what of a
//! text is wrong, with the line; [`build`] makes it the [`Config`](crate::config::Config) that an API server's
//! objects make; [`follow`] takes up what changes.

pub mod build;
pub mod check;
pub mod follow;
mod node;
mod routes;
pub mod schema;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spillway_crds::{GatewayPeerSpec, RegionPrioritySpec};

use crate::bounds::Bounds;
use crate::seen::Observability;

/// The configuration of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GatewayFile {
    /// Region that this gateway serves. A change needs a restart.
    #[serde(default = "local")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub region: String,
    /// Name of the member: unique among all gateways that know each other. A change needs a restart.
    #[serde(default = "local")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub member: String,
    /// Where it listens. A change needs a restart.
    pub listen: Listeners,
    /// Bounds of requests, and who is believed. A change needs a restart.
    pub bounds: Bounds,
    /// Access log, traces, and series by route. A change needs a restart.
    pub observability: Observability,
    /// PEM files that prove who this gateway is; needed for `peers`.
    pub identity: Option<IdentityFiles>,
    /// Certificates of the listener `https`.
    pub tls: Vec<FileCertificate>,
    /// Region priorities by name, as in a `RegionPriority`'s spec.
    pub priorities: BTreeMap<String, RegionPrioritySpec>,
    /// The gateways of the other regions, as in a `GatewayPeer`'s spec.
    pub peers: Vec<GatewayPeerSpec>,
    /// What serves requests, by name.
    pub backends: BTreeMap<String, FileBackend>,
    /// Which requests go where. Of two that claim the same host and path, the first one has it.
    pub routes: Vec<FileRoute>,
}

/// 1 to 63 of a-z, 0-9 and -, as in RFC 1123.
const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

fn local() -> String {
    "local".to_owned()
}

/// Addresses to listen on, `IP:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Listeners {
    /// Front door: HTTP/1.1 and cleartext HTTP/2 for clients.
    #[schemars(with = "String")]
    pub http: SocketAddr,
    /// Front door with TLS, by the certificates of `tls`. Absent: there is none.
    #[schemars(with = "Option<String>")]
    pub https: Option<SocketAddr>,
    /// Health, metrics and debugging; not for the outside.
    #[schemars(with = "String")]
    pub admin: SocketAddr,
    /// Door for peers: HTTP/2 over mutual TLS. Absent: nothing can be spilled to this gateway.
    #[schemars(with = "Option<String>")]
    pub spill: Option<SocketAddr>,
    /// DNS over UDP and TCP. Absent: it does not answer DNS.
    #[schemars(with = "Option<String>")]
    pub dns: Option<SocketAddr>,
    /// Let a second gateway listen beside this one, to take over from it.
    pub reuse_port: bool,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            http: SocketAddr::from(([0; 8], 80)),
            https: None,
            reuse_port: false,
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            spill: None,
            dns: None,
        }
    }
}

/// PEM files; relative paths begin at the folder of the configuration file. They are read again with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityFiles {
    /// Certificate chain, leaf first; its URI name is the `identity` that peers expect.
    pub certificate: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
    /// The authorities to trust.
    pub authorities: PathBuf,
}

/// A certificate for hosts; relative paths begin at the folder of the configuration file. The PEM files are read
/// again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileCertificate {
    /// The hosts that get it, or `*.` and a suffix for any one label. Absent: it is the default one, for clients
    /// that name no host or one without a certificate; without a default they are refused.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
}

/// The endpoints of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileBackend {
    /// Where it serves, `IP:port`.
    #[schemars(with = "Vec<String>")]
    pub endpoints: Vec<SocketAddr>,
    /// What it speaks.
    #[serde(default)]
    pub protocol: FileProtocol,
    /// Names by which it may call itself in a redirect, `host` or `host:port`; its endpoints are known anyway.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FileProtocol {
    /// HTTP/1.1
    #[default]
    #[serde(rename = "http")]
    Http1,
    /// HTTP/2 without TLS, as gRPC needs.
    #[serde(rename = "h2c")]
    H2c,
}

/// One host and path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileRoute {
    /// Its name in logs and metrics.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// The host, or `*.` and a suffix for any one label. Absent: every host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path; it begins with a slash.
    #[serde(default = "root")]
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
    /// How the path is matched.
    #[serde(default)]
    pub path_type: FilePathType,
    /// The backend, one of `backends`.
    pub backend: String,
    /// The priority that it follows, one of `priorities`. Absent: it is always served here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Other names that its redirects may carry, `host` or `host:port`.
    #[serde(default)]
    pub redirect_aliases: Vec<String>,
    /// How to see that it works without waiting for traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<FileProbe>,
    /// Which of its requests may be forwarded to another region.
    #[serde(default)]
    pub spill: FileSpill,
    /// Take the prefix `path` off before the backend sees it, and put it back into redirects.
    #[serde(default)]
    pub strip_prefix: bool,
    /// Rewrite `Link` fields as redirects are; they may name what is no redirect.
    #[serde(default)]
    pub rewrite_links: bool,
    /// Send clients that came without TLS to the same URL with `https` (308).
    #[serde(default)]
    pub https_redirect: bool,
    /// Milliseconds that an endpoint may take to accept a connection. Absent: 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60_000))]
    pub connect_timeout_milliseconds: Option<u32>,
    /// Milliseconds from the end of a request to the head of its answer; later is answered 504. Absent: 60000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub response_timeout_milliseconds: Option<u32>,
    /// Milliseconds that the body of an answer may pause. Absent: as long as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub idle_timeout_milliseconds: Option<u32>,
    /// How often an idempotent request that was lost is sent once more. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5))]
    pub retries: Option<u32>,
    /// Statuses for which it is, too: 502, 503, 504.
    #[serde(default)]
    #[schemars(inner(range(min = 502, max = 504)))]
    pub retry_on_status: Vec<u16>,
    /// Seconds over which an endpoint that becomes ready takes on its full part. Absent: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub slow_start_seconds: Option<u32>,
    /// The name of the cookie that keeps a client at its endpoint. Absent: no affinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))]
    pub affinity_cookie: Option<String>,
    /// Whom the measured concurrency limit of the backend holds back.
    #[serde(default)]
    pub concurrency_limit: FileLimit,
    /// Bytes of a request's body; more is answered 413. Absent: as in `bounds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
}

fn root() -> String {
    "/".to_owned()
}

/// Whom a concurrency limit holds back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FileLimit {
    /// Nobody.
    None,
    /// What other regions send.
    #[default]
    Spilled,
    /// Our own arrivals, too.
    All,
}

/// How a path is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FilePathType {
    /// By whole segments.
    #[default]
    Prefix,
    /// Byte for byte.
    Exact,
}

/// What to ask for in a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileProbe {
    /// The path.
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
    /// The host, if it is not the route's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Which requests may be forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FileSpill {
    /// Every request.
    #[default]
    All,
    /// Only those with a safe method.
    SafeMethods,
    /// None.
    None,
}
