//! What the compiler reads: an Ingress as plain data, so that deciding knows nothing of Kubernetes clients.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Policy, SpillPolicy};

/// An Ingress of our class, with the annotations that mean something here already parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingress {
    /// Its namespace; backends are looked up there.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Seconds since the epoch; the older of two that conflict wins.
    pub created: i64,
    /// The RegionPriority it follows.
    pub priority: Option<String>,
    /// `host[:port]` entries, with an optional scheme, as people write them.
    pub redirect_aliases: Vec<String>,
    /// The path to probe.
    pub probe_path: Option<String>,
    /// The host to ask for when probing, if it is not the route's own.
    pub probe_host: Option<String>,
    /// Which requests may be forwarded.
    pub spill: SpillPolicy,
    /// Bytes that the body of a request may have.
    pub max_body_bytes: Option<u64>,
    /// How its requests are treated.
    pub policy: Policy,
    /// Whether the prefix of a path is taken off before the backend sees it.
    pub strip_prefix: bool,
    /// Whether `Link` fields are rewritten, too.
    pub rewrite_links: bool,
    /// Whether a client that came without TLS is sent to the same URL with `https`.
    pub https_redirect: bool,
    /// Its rules.
    pub rules: Vec<IngressRule>,
    /// What takes the rest.
    pub default_backend: Option<(String, PortRef)>,
}

/// One rule: a host and its paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRule {
    /// The host, possibly `*.suffix`; none takes every host.
    pub host: Option<String>,
    /// Its paths.
    pub paths: Vec<IngressPath>,
}

/// One path of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressPath {
    /// The path; none is `/`.
    pub path: Option<String>,
    /// How it is matched.
    pub path_type: PathType,
    /// The Service that serves it.
    pub service: String,
    /// The port of that Service.
    pub port: PortRef,
}

/// How a path is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathType {
    /// Byte for byte.
    Exact,
    /// By whole segments.
    Prefix,
    /// Ours to define: the same as `Prefix`.
    ImplementationSpecific,
}

/// A port of a Service, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortRef {
    /// The port's number.
    Number(u16),
    /// The port's name.
    Name(String),
}

/// One port of one Service; written `namespace/service:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackendRef {
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
    /// The port.
    pub port: PortRef,
}

impl fmt::Display for PortRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Name(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for BackendRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}:{}", self.namespace, self.service, self.port)
    }
}

impl From<BackendRef> for String {
    fn from(backend: BackendRef) -> Self {
        backend.to_string()
    }
}

impl TryFrom<String> for BackendRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parts = text.split_once('/').and_then(|(namespace, rest)| {
            rest.rsplit_once(':').map(|(service, port)| (namespace, service, port))
        });
        let Some((namespace, service, port)) = parts else {
            return Err(format!("backend {text:?} is not <namespace>/<service>:<port>"));
        };
        // Port names hold at least one letter, so a number is never a name.
        let port = port.parse().map_or_else(|_| PortRef::Name(port.to_owned()), PortRef::Number);
        Ok(Self { namespace: namespace.to_owned(), service: service.to_owned(), port })
    }
}
