//! Requests, errors and durations by route. A request finds its route's counters by the position of the route in
//! the config it was looked up in: no text is hashed, and no lock is shared with other routes.

mod encode;
mod series;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use parking_lot::Mutex;
use spillway_decide::routes::Route;

use super::Served;
use crate::config::Config;

pub(super) use encode::Encoder;
use series::{Ingress, Series};

/// Routes beyond the bound are counted together under this name.
const OTHER: &str = "other";

/// A route as logs and metrics name it, with where its requests are counted.
#[derive(Debug)]
pub(crate) struct RouteHandle {
    id: String,
    /// `namespace/name` of its Ingress.
    pub(crate) ingress: String,
    /// Its host and path, as in its id.
    pub(crate) pattern: String,
    series: Arc<Series>,
}

/// What is counted about one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) status: StatusCode,
    pub(crate) served: Served,
    /// The region that served it.
    pub(crate) region: &'a str,
    /// From the request's first byte that we saw to the head of the response.
    pub(crate) latency: Duration,
}

/// All routes' counters.
pub(super) struct Routes {
    most: usize,
    table: ArcSwap<Table>,
    /// Of requests that no route takes.
    none: Arc<Series>,
    other: Arc<Series>,
    writing: Mutex<()>,
}

/// The handles of one config.
#[derive(Default)]
struct Table {
    by_position: Vec<Arc<RouteHandle>>,
    by_id: BTreeMap<String, Arc<RouteHandle>>,
    ingresses: BTreeMap<String, Arc<Ingress>>,
}

impl Routes {
    pub(super) fn new(most: usize) -> Self {
        let alone = |name: &str| Arc::new(Series::new(name, name, Arc::new(Ingress::new(name))));
        let (none, other) = (alone(""), alone(OTHER));
        Self { most, table: ArcSwap::default(), none, other, writing: Mutex::default() }
    }

    /// Makes handles for the routes of this config. Those that stay keep their counts, those that are gone lose
    /// them; places are given first come, first served.
    pub(super) fn take(&self, config: &Config) {
        let _one_at_a_time = self.writing.lock();
        let old = self.table.load();
        let routes = config.routes.routes();
        let kept = |route: &Route| old.by_id.get(&route.id).filter(|handle| self.is_own(handle));
        let mut places =
            self.most.saturating_sub(routes.iter().filter(|route| kept(route).is_some()).count());
        let mut table = Table::default();
        for route in routes {
            let handle = match kept(route) {
                Some(handle) => Arc::clone(handle),
                None => Arc::new(self.handle(route, &mut places, &mut table, &old)),
            };
            if self.is_own(&handle) {
                let ingress = Arc::clone(&handle.series.ingress);
                table.ingresses.entry(handle.ingress.clone()).or_insert(ingress);
            }
            table.by_id.insert(route.id.clone(), Arc::clone(&handle));
            table.by_position.push(handle);
        }
        self.table.store(Arc::new(table));
    }

    fn handle(&self, route: &Route, places: &mut usize, table: &mut Table, old: &Table) -> RouteHandle {
        let pattern = route.id.strip_prefix(&route.ingress).unwrap_or(&route.id).trim_start_matches(':');
        let series = if *places == 0 {
            Arc::clone(&self.other)
        } else {
            *places -= 1;
            let known = table.ingresses.get(&route.ingress).or_else(|| old.ingresses.get(&route.ingress));
            let ingress = known.cloned().unwrap_or_else(|| Arc::new(Ingress::new(&route.ingress)));
            Arc::new(Series::new(&route.ingress, pattern, ingress))
        };
        let (id, ingress, pattern) = (route.id.clone(), route.ingress.clone(), pattern.to_owned());
        RouteHandle { id, ingress, pattern, series }
    }

    fn is_own(&self, handle: &RouteHandle) -> bool {
        !Arc::ptr_eq(&handle.series, &self.other)
    }

    /// The handle of a route of this config. While a config is new its table may be one behind: then the name
    /// finds it, or it is counted with the others.
    pub(super) fn resolve(&self, config: &Config, route: &Route) -> Arc<RouteHandle> {
        let table = self.table.load();
        let position = config.routes.routes().element_offset(route);
        let placed = position.and_then(|position| table.by_position.get(position));
        let found = placed.filter(|handle| handle.id == route.id).or_else(|| table.by_id.get(&route.id));
        found.cloned().unwrap_or_else(|| Arc::new(self.handle(route, &mut 0, &mut Table::default(), &table)))
    }

    pub(super) fn answered(&self, route: Option<&RouteHandle>, answered: Answered<'_>) {
        route.map_or(&self.none, |route| &route.series).answered(answered);
    }

    /// Everything that has been counted, the routes in the order of their names.
    fn all(&self) -> Vec<Arc<Series>> {
        let table = self.table.load();
        let own = table.by_id.values().filter(|handle| self.is_own(handle));
        let own = own.map(|handle| Arc::clone(&handle.series));
        own.chain([Arc::clone(&self.other), Arc::clone(&self.none)]).collect()
    }

    fn ingresses(&self) -> Vec<Arc<Ingress>> {
        let table = self.table.load();
        let alone = [&self.other, &self.none].map(|series| Arc::clone(&series.ingress));
        table.ingresses.values().cloned().chain(alone).collect()
    }
}

#[cfg(test)]
mod tests;
