//! Connections to the backends of this region: HTTP/1.1 pooled by endpoint, HTTP/2 shared by all requests to it.
//!
//! The pool is our own because of one promise: a request that was provably not sent comes back to us, whole,
//! and goes to another endpoint. Clients that pool behind their own façade keep it.

mod endpoint;
mod lease;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::RwLock;
use rand::Rng;

use crate::config::{Backend, Config, Protocol};

/// An address may be a backend of two ports that speak differently.
type Key = (SocketAddr, Protocol);

pub(crate) use endpoint::Endpoint;
pub(crate) use lease::{Failure, Lease};

/// Every endpoint that traffic goes to, with its idle connections and load; shared by all backends.
#[derive(Clone, Default)]
pub(crate) struct Upstreams {
    endpoints: Arc<RwLock<HashMap<Key, Arc<Endpoint>>>>,
}

impl Upstreams {
    /// The less loaded of two endpoints taken at random, never `not`. Those that are terminating still
    /// serve, but only when none is ready.
    pub(crate) fn pick(&self, backend: &Backend, not: Option<SocketAddr>) -> Option<Arc<Endpoint>> {
        let candidates = if backend.ready.is_empty() { &backend.terminating } else { &backend.ready };
        let others: Vec<SocketAddr> =
            candidates.iter().copied().filter(|address| Some(*address) != not).collect();
        let first = match others.len() {
            0 => return None,
            1 => return others.first().map(|address| self.endpoint((*address, backend.protocol))),
            count => rand::rng().random_range(0..count),
        };
        let second = (first + rand::rng().random_range(1..others.len())) % others.len();
        let (first, second) = (others[first], others[second]);
        let (first, second) =
            (self.endpoint((first, backend.protocol)), self.endpoint((second, backend.protocol)));
        Some(if second.load() < first.load() { second } else { first })
    }

    /// Forgets endpoints that the config no longer names; requests in flight keep theirs alive.
    pub(crate) fn retain(&self, config: &Config) {
        let keys = |backend: &Backend| -> Vec<Key> {
            let addresses = backend.ready.iter().chain(&backend.terminating);
            addresses.map(|address| (*address, backend.protocol)).collect()
        };
        let named: HashSet<Key> = config.backends.values().flat_map(keys).collect();
        self.endpoints.write().retain(|key, _| named.contains(key));
    }

    fn endpoint(&self, key: Key) -> Arc<Endpoint> {
        if let Some(endpoint) = self.endpoints.read().get(&key) {
            return Arc::clone(endpoint);
        }
        let mut endpoints = self.endpoints.write();
        Arc::clone(endpoints.entry(key).or_insert_with(|| Arc::new(Endpoint::new(key.0, key.1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn backend(ready: &[u16], terminating: &[u16]) -> Backend {
        Backend {
            ready: ready.iter().map(|port| address(*port)).collect(),
            terminating: terminating.iter().map(|port| address(*port)).collect(),
            ..Backend::default()
        }
    }

    #[test]
    fn the_busier_of_two_is_passed_over() {
        let upstreams = Upstreams::default();
        let backend = backend(&[1, 2], &[]);
        let _busy = Lease::load_for_test(upstreams.endpoint((address(1), Protocol::Http1)));
        for _ in 0..50 {
            assert_eq!(upstreams.pick(&backend, None).unwrap().address(), address(2));
        }
    }

    #[test]
    fn terminating_endpoints_serve_only_when_none_is_ready() {
        let upstreams = Upstreams::default();
        assert_eq!(upstreams.pick(&backend(&[1], &[2]), None).unwrap().address(), address(1));
        assert_eq!(upstreams.pick(&backend(&[], &[2]), None).unwrap().address(), address(2));
        assert!(upstreams.pick(&backend(&[], &[]), None).is_none());
    }

    #[test]
    fn a_retry_goes_elsewhere() {
        let upstreams = Upstreams::default();
        assert_eq!(upstreams.pick(&backend(&[1, 2], &[]), Some(address(1))).unwrap().address(), address(2));
        assert!(upstreams.pick(&backend(&[1], &[]), Some(address(1))).is_none());
    }

    #[test]
    fn endpoints_that_are_gone_are_forgotten() {
        let upstreams = Upstreams::default();
        upstreams.endpoint((address(1), Protocol::Http1));
        upstreams.retain(&Config::default());
        assert!(upstreams.endpoints.read().is_empty());
    }
}
