//! What a proxy has to do in a case.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The host that is asked for; with many routes, one of them.
pub(crate) const HOST: &str = "h50.bench.test";
/// A name that the backend calls itself by in redirects.
pub(crate) const INTERNAL: &str = "backend.internal";
/// Paths are asked for in turn.
pub(crate) const PATHS: usize = 10;

/// One row of the table for each proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Case {
    /// Answers of 1 KB over HTTP/1.1.
    #[value(name = "plain")]
    #[serde(rename = "plain")]
    Plain,
    /// Answers of 64 KB.
    #[value(name = "64k")]
    #[serde(rename = "64k")]
    Large,
    /// Clients come over TLS.
    #[value(name = "tls")]
    #[serde(rename = "tls")]
    Tls,
    /// Clients speak HTTP/2, without TLS.
    #[value(name = "h2")]
    #[serde(rename = "h2")]
    Http2,
    /// Ten routes.
    #[value(name = "routes-10")]
    #[serde(rename = "routes-10")]
    FewRoutes,
    /// Ten thousand routes: 100 hosts with 100 paths each.
    #[value(name = "routes-10k")]
    #[serde(rename = "routes-10k")]
    ManyRoutes,
    /// Every answer is a redirect to a name of the backend, to be turned to the public host.
    #[value(name = "redirects")]
    #[serde(rename = "redirects")]
    Redirects,
    /// Every request leaves a line in an access log.
    #[value(name = "access-log")]
    #[serde(rename = "access-log")]
    AccessLog,
    /// Ten thousand routes, SLIs, redirects and an access log.
    #[value(name = "all")]
    #[serde(rename = "all")]
    All,
    /// No connection: memory only.
    #[value(name = "idle-0")]
    #[serde(rename = "idle-0")]
    Idle,
    /// Ten thousand connections that have asked once and are silent: memory only.
    #[value(name = "idle-10k")]
    #[serde(rename = "idle-10k")]
    IdleConnections,
}

impl Case {
    pub(crate) const ALL: &[Self] = &[
        Self::Plain,
        Self::Large,
        Self::Tls,
        Self::Http2,
        Self::FewRoutes,
        Self::ManyRoutes,
        Self::Redirects,
        Self::AccessLog,
        Self::All,
        Self::Idle,
        Self::IdleConnections,
    ];

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// How many connections are idle, if the case is about memory only.
    pub(crate) const fn idle_connections(self) -> Option<usize> {
        match self {
            Self::Idle => Some(0),
            Self::IdleConnections => Some(10_000),
            _ => None,
        }
    }

    pub(crate) const fn tls(self) -> bool {
        matches!(self, Self::Tls)
    }

    pub(crate) const fn http2(self) -> bool {
        matches!(self, Self::Http2)
    }

    pub(crate) const fn redirects(self) -> bool {
        matches!(self, Self::Redirects | Self::All)
    }

    /// Whether there is an access log, to `/dev/null`.
    pub(crate) const fn logs(self) -> bool {
        matches!(self, Self::AccessLog | Self::All)
    }

    /// Whether the rest of what a gateway does in production is on, too: SLIs.
    pub(crate) const fn everything(self) -> bool {
        matches!(self, Self::All)
    }

    /// Hosts and paths; one host without paths of its own has one route.
    pub(crate) fn routes(self) -> Vec<(String, String)> {
        let (hosts, paths) = match self {
            Self::FewRoutes => (50..51, 10),
            Self::ManyRoutes | Self::All => (0..100, 100),
            _ => return vec![(HOST.to_owned(), "/".to_owned())],
        };
        let of_host = |host| (0..paths).map(move |path| (format!("h{host}.bench.test"), prefix(path)));
        hosts.flat_map(of_host).collect()
    }

    /// The paths that are asked for, in turn; all cases ask for as many.
    pub(crate) fn paths(self) -> Vec<String> {
        let kind = match self {
            Self::Large => "64k",
            case if case.redirects() => "redirect",
            _ => "1k",
        };
        (0..PATHS).map(|path| format!("{}/{kind}", prefix(path))).collect()
    }
}

fn prefix(path: usize) -> String {
    format!("/p{path:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_that_is_asked_for_has_a_route() {
        for case in Case::ALL {
            let routes = case.routes();
            for path in case.paths() {
                let found =
                    routes.iter().any(|(host, prefix)| host == HOST && path.starts_with(prefix.as_str()));
                assert!(found, "{path} in {}", case.name());
            }
        }
        assert_eq!(Case::ManyRoutes.routes().len(), 10_000);
    }
}
