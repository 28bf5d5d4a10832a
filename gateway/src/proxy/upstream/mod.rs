//! The backends of this region: who of their endpoints serves a request, and the connections to them: HTTP/1.1
//! pooled by endpoint, HTTP/2 shared by all requests to it.
//!
//! The pool of connections is our own because of one promise: a request that was provably not sent comes back
//! to us, whole, and goes to another endpoint. Clients that pool behind their own façade keep it.

pub(crate) mod affinity;
pub(crate) mod clock;
mod endpoint;
mod flow;
mod lease;
mod pool;
mod view;
mod watch;
mod wire;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use prometheus_client::registry::Registry;
use spillway_decide::grants::Load;
use spillway_decide::routes::BackendRef;

use crate::config::{Config, Protocol};
use crate::turn::Turn;

/// An address may be a backend of two ports that speak differently.
type Key = (SocketAddr, Protocol);

pub(crate) use endpoint::Endpoint;
pub(crate) use lease::{Failure, Lease, Patience};
pub(crate) use pool::{Chosen, Pool, Wish};
pub(crate) use view::BackendView;
pub(crate) use watch::Watch;
pub(crate) use wire::Short;
#[cfg(any(test, fuzzing))]
pub(crate) use wire::fuzz::cut_anywhere;

/// Every backend that traffic goes to; clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Upstreams {
    pools: Arc<RwLock<HashMap<BackendRef, Arc<Pool>>>>,
    /// Connections and load by endpoint: several backends may share one.
    endpoints: Arc<Mutex<HashMap<Key, Arc<Endpoint>>>>,
    pub(crate) watch: Watch,
    turn: Option<Turn>,
}

impl Upstreams {
    /// Without backends yet; requests to them leave as the turn says.
    pub(crate) fn new(turn: Option<Turn>) -> Self {
        Self { turn, ..Self::default() }
    }

    /// The pool of a backend; none when the config does not have it.
    pub(crate) fn pool(&self, config: &Config, reference: &BackendRef) -> Option<Arc<Pool>> {
        let known = self.pools.read().get(reference).cloned();
        match known {
            Some(pool) if pool.is_current(config.generation) => Some(pool),
            _ => self.renewed(config, reference),
        }
    }

    /// After a change of the config: the pool as it was if this backend is as it was, or a new one.
    fn renewed(&self, config: &Config, reference: &BackendRef) -> Option<Arc<Pool>> {
        let backend = config.backends.get(reference)?;
        let mut pools = self.pools.write();
        let before = pools.get(reference);
        if let Some(pool) = before
            && (pool.is_current(config.generation) || pool.still_is(backend, config.generation))
        {
            return Some(Arc::clone(pool));
        }
        let (now, name) = (clock::now(), reference.to_string());
        let endpoint = |address, protocol| self.endpoint((address, protocol));
        let pool = Pool::new(
            backend,
            config.generation,
            now,
            &name,
            before.map(|before| &**before),
            self.watch.clone(),
            endpoint,
        );
        let pool = Arc::new(pool);
        pools.insert(reference.clone(), Arc::clone(&pool));
        Some(pool)
    }

    /// Takes up a config: pools follow their backends, so that an endpoint's slow start begins when it becomes
    /// ready and not with the next request; what is no longer named is forgotten. Requests in flight keep what
    /// they have.
    pub(crate) fn follow(&self, config: &Config) {
        let known: Vec<BackendRef> = self.pools.read().keys().cloned().collect();
        for reference in known {
            if self.renewed(config, &reference).is_none() {
                self.pools.write().remove(&reference);
            }
        }
        let named: HashSet<Key> = config
            .backends
            .values()
            .flat_map(|backend| {
                let addresses = backend.ready.iter().chain(&backend.terminating);
                addresses.map(|address| (*address, backend.protocol))
            })
            .collect();
        self.endpoints.lock().retain(|key, _| named.contains(key));
    }

    /// Closes connections to endpoints that have been idle for long.
    pub(crate) fn sweep(&self) {
        self.endpoints.lock().values().for_each(|endpoint| endpoint.sweep());
    }

    /// Adds the counters to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.watch.register(registry);
    }

    /// What `/debug/backends` shows.
    pub(crate) fn view(&self) -> BTreeMap<String, BackendView> {
        let (now, pools) = (clock::now(), self.pools.read());
        pools.iter().map(|(reference, pool)| (reference.to_string(), view::view(pool, now))).collect()
    }

    /// What each priority's backends take and could take.
    pub(crate) fn loads(&self, config: &Config) -> BTreeMap<String, Vec<Load>> {
        let mut seen = HashSet::new();
        let mut loads: BTreeMap<String, Vec<Load>> = BTreeMap::new();
        let pools = self.pools.read();
        for route in config.routes.routes() {
            if let Some(priority) = &route.priority
                && seen.insert((priority, &route.backend))
                && let Some(pool) = pools.get(&route.backend)
            {
                let shown = pool.flow.shown();
                if let (Some(flow), Some(lowest_millis)) = (shown.measured, shown.lowest_millis) {
                    let load = Load { flow, limit: shown.limit, lowest_millis };
                    loads.entry(priority.clone()).or_default().push(load);
                }
            }
        }
        loads
    }

    fn endpoint(&self, key: Key) -> Arc<Endpoint> {
        let new = || Arc::new(Endpoint::new(key.0, key.1, self.turn.clone()));
        Arc::clone(self.endpoints.lock().entry(key).or_insert_with(new))
    }
}
