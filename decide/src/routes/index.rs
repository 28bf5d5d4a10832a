//! Hash tables instead of a walk over the routes: one for hosts, one for the paths of each host.

use std::collections::HashMap;

use super::{HostPattern, PathPattern, Route};

/// Positions of routes, by host and then by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    exact: HashMap<String, Paths>,
    wildcard: HashMap<String, Paths>,
    any: Paths,
    default: Option<usize>,
}

/// The paths of one host.
#[derive(Clone, Debug, Default)]
struct Paths {
    exact: HashMap<String, usize>,
    prefixes: HashMap<String, usize>,
    /// The longest prefix, so that a long request path is not tried at lengths that cannot match.
    longest: usize,
}

impl Index {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut index = Self::default();
        for (position, route) in routes.iter().enumerate() {
            index.add(position, route);
        }
        index
    }

    fn add(&mut self, position: usize, route: &Route) {
        let paths = match &route.host {
            HostPattern::Exact(host) => self.exact.entry(host.clone()).or_default(),
            HostPattern::Wildcard(suffix) => self.wildcard.entry(suffix.clone()).or_default(),
            HostPattern::Any => &mut self.any,
        };
        match &route.path {
            PathPattern::Exact(path) => {
                paths.exact.entry(path.clone()).or_insert(position);
            }
            PathPattern::Prefix(prefix) => {
                paths.longest = paths.longest.max(prefix.len());
                paths.prefixes.entry(prefix.clone()).or_insert(position);
            }
            PathPattern::Default => {
                self.default.get_or_insert(position);
            }
        }
    }

    /// The most specific host that takes the path; a rule without a host applies to all requests.
    pub(super) fn lookup(&self, host: &str, path: &str) -> Option<usize> {
        let path = if path.is_empty() { "/" } else { path };
        self.candidates(host).find_map(|paths| paths.lookup(path)).or(self.default)
    }

    /// All routes that name this host, those of the more specific pattern first.
    pub(super) fn of_host(&self, host: &str) -> Vec<usize> {
        let named = self.exact.get(host).into_iter().chain(self.wildcard(host));
        named.flat_map(Paths::positions).collect()
    }

    fn candidates<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Paths> {
        self.exact.get(host).into_iter().chain(self.wildcard(host)).chain(std::iter::once(&self.any))
    }

    fn wildcard(&self, host: &str) -> Option<&Paths> {
        let (label, suffix) = host.split_once('.')?;
        if label.is_empty() { None } else { self.wildcard.get(suffix) }
    }
}

impl Paths {
    fn lookup(&self, path: &str) -> Option<usize> {
        self.exact.get(path).copied().or_else(|| self.longest_prefix(path))
    }

    /// Tries the path's own prefixes from the longest down, cutting at slashes.
    fn longest_prefix(&self, path: &str) -> Option<usize> {
        if self.prefixes.is_empty() {
            return None;
        }
        let mut end = path.len();
        loop {
            if end <= self.longest
                && let Some(position) = self.prefixes.get(&path[..end])
            {
                return Some(*position);
            }
            end = path[..end].rfind('/')?;
        }
    }

    /// In the order of the routes, so that the oldest speaks first.
    fn positions(&self) -> Vec<usize> {
        let mut positions: Vec<usize> = self.exact.values().chain(self.prefixes.values()).copied().collect();
        positions.sort_unstable();
        positions
    }
}
