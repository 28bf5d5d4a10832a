//! Which route a request belongs to.
//!
//! [`compile`] turns plain Ingress data into [`Route`]s, [`RouteTable`] finds the one for a host and path at a
//! cost that depends on the length of the path, not on the number of routes. The semantics are those of
//! Kubernetes' Ingress v1: exact hosts before wildcards before none, exact paths before the longest prefix,
//! and an older Ingress before a younger one that claims the same. A host belongs to the namespace that
//! claimed it first.

mod compile;
pub mod hold;
mod index;
pub mod policy;
mod source;

use serde::{Deserialize, Serialize};

use crate::redirects::AliasSet;

pub use compile::{Rejection, compile};
pub use policy::{LimitedTo, Policy};
pub use source::{BackendRef, Ingress, IngressPath, IngressRule, PathType, PortRef};

use index::Index;

/// Where a request goes and what is promised about it: one host and path of one Ingress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// `namespace/name:host/path`, stable as long as the Ingress says the same.
    pub id: String,
    /// `namespace/name` of the Ingress.
    pub ingress: String,
    /// Which hosts it takes.
    pub host: HostPattern,
    /// Which paths it takes.
    pub path: PathPattern,
    /// The RegionPriority it follows; none: it is always served here.
    pub priority: Option<String>,
    /// What serves it.
    pub backend: BackendRef,
    /// Names that its redirects may carry besides those of the backend.
    pub aliases: AliasSet,
    /// The path to probe, with the host if it is not the route's own.
    pub probe: Option<Probe>,
    /// Which of its requests may be forwarded to another region.
    pub spill: SpillPolicy,
    /// Bytes that the body of a request may have, if that is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// How its requests are treated.
    #[serde(default, skip_serializing_if = "Policy::is_default")]
    pub policy: Policy,
    /// Whether its prefix is taken off the path before the backend sees it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strip_prefix: bool,
    /// Whether `Link` fields of its responses are rewritten, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rewrite_links: bool,
    /// Whether a client that came without TLS is sent to the same URL with `https`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub https_redirect: bool,
}

impl Route {
    /// The prefix that the backend does not see.
    #[must_use]
    pub fn stripped_prefix(&self) -> Option<&str> {
        match &self.path {
            PathPattern::Prefix(prefix) if self.strip_prefix && !prefix.is_empty() => Some(prefix),
            _ => None,
        }
    }
}

/// How to see whether a route works without waiting for traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The path to ask for.
    pub path: String,
    /// The host to ask for; none: the route's own.
    pub host: Option<String>,
}

/// Which requests may be forwarded to another region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpillPolicy {
    /// Every request.
    #[default]
    All,
    /// Only those with a safe method (RFC 9110 section 9.2.1).
    SafeMethods,
    /// None: the data does not leave the region.
    None,
}

impl SpillPolicy {
    /// Whether a request with this method may be forwarded.
    #[must_use]
    pub fn allows(self, method: &str) -> bool {
        match self {
            Self::All => true,
            Self::SafeMethods => matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE"),
            Self::None => false,
        }
    }
}

/// Which hosts a route takes; always lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Hosts with exactly one label before this suffix: `*.example.com` is kept as `example.com`.
    Wildcard(String),
    /// Every host.
    Any,
}

/// Which paths a route takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathPattern {
    /// This path, byte for byte.
    Exact(String),
    /// Paths that begin with these segments; kept without trailing slashes, so the root is empty.
    Prefix(String),
    /// An Ingress' default backend: what no rule takes.
    Default,
}

/// All routes of a gateway, indexed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Route>", into = "Vec<Route>")]
pub struct RouteTable {
    routes: Vec<Route>,
    index: Index,
}

impl RouteTable {
    /// Indexes the routes; where two claim the same host and path, the first of the list has it.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let index = Index::new(&routes);
        Self { routes, index }
    }

    /// The route of a request. `host` may carry a port, any case and a trailing dot; `path` has no query.
    #[must_use]
    pub fn lookup(&self, host: &str, path: &str) -> Option<&Route> {
        let host = normalize_host(host);
        self.index.lookup(&host, path).and_then(|position| self.routes.get(position))
    }

    /// All routes, those that lost a conflict included.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The routes that name this host, exactly or by a wildcard: what DNS needs to know. Those that take every
    /// host are not among them.
    pub fn of_host(&self, host: &str) -> impl Iterator<Item = &Route> {
        let host = normalize_host(host);
        self.index.of_host(&host).into_iter().filter_map(|position| self.routes.get(position))
    }

    /// Whether there are no routes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

impl PartialEq for RouteTable {
    fn eq(&self, other: &Self) -> bool {
        self.routes == other.routes
    }
}

impl From<Vec<Route>> for RouteTable {
    fn from(routes: Vec<Route>) -> Self {
        Self::new(routes)
    }
}

impl From<RouteTable> for Vec<Route> {
    fn from(table: RouteTable) -> Self {
        table.routes
    }
}

/// Lower case, without port and trailing dot. Borrows when there is nothing to change.
#[must_use]
pub fn normalize_host(host: &str) -> std::borrow::Cow<'_, str> {
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        host.into()
    }
}

#[cfg(test)]
mod tests;
