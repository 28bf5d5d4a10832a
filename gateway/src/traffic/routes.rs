//! The windows of single routes: one for each route that has requests, and nothing for the others.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use spillway_decide::evidence::Evidence;
use spillway_decide::{Census, Health, Time};

/// A window without requests and without trouble is dropped after so many of its lengths.
const STALE_AFTER: u32 = 3;
/// It still counts as one of the region's routes for so long.
const IDLE_FOR: Duration = Duration::from_mins(10);
/// Latencies are kept of so many routes in trouble: about 30 KiB each, for a figure that people see.
const MAX_SKETCHES: usize = 128;
/// Evidence is in buckets of 250 ms; it is not read more often.
const PERIOD: Duration = Duration::from_millis(250);

/// The routes of one priority.
pub(super) struct Routes {
    health: RwLock<Health>,
    windows: RwLock<HashMap<String, Arc<Window>>>,
    /// Routes whose probe has been seen to succeed: only then does a failure say something.
    probed_well: Mutex<HashSet<String>>,
    /// Routes that were asked for, but not lately, and when.
    idle: Mutex<HashMap<String, Time>>,
    last: Mutex<(Time, Arc<Census>)>,
}

/// One route's evidence. Requests in flight hold it.
pub(super) struct Window {
    route: String,
    touched: AtomicU64,
    pub(super) evidence: Mutex<Evidence>,
}

impl Routes {
    pub(super) fn new(health: &Health) -> Self {
        Self {
            health: RwLock::new(health.clone()),
            windows: RwLock::default(),
            probed_well: Mutex::default(),
            idle: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Takes changed bounds, and forgets the probes of routes that are gone.
    pub(super) fn reconfigure(&self, now: Time, health: &Health, exists: impl Fn(&str) -> bool) {
        *self.health.write() = health.clone();
        self.windows.write().retain(|route, _| exists(route));
        self.probed_well.lock().retain(|route| exists(route));
        for window in self.windows.read().values() {
            window.evidence.lock().reconfigure(now, health);
        }
    }

    /// Notes a request of a route; what becomes of it is told to the window.
    pub(super) fn begin(&self, start: Time, route: &str, local: bool) -> Arc<Window> {
        let window = self.window(start, route);
        window.touched.fetch_max(start.0, Ordering::Relaxed);
        if local {
            window.evidence.lock().arrived(start);
        }
        window
    }

    /// A probe of one route; `watched` are those whose probes are evidence.
    pub(super) fn probed(&self, sent: Time, route: &str, ok: bool, watched: bool) {
        if ok {
            let mut well = self.probed_well.lock();
            if !well.contains(route) {
                well.insert(route.to_owned());
            }
        } else if !self.probed_well.lock().contains(route) {
            return;
        }
        if watched {
            let window = self.window(sent, route);
            window.touched.fetch_max(sent.0, Ordering::Relaxed);
            window.evidence.lock().probe(sent, ok);
        }
    }

    fn window(&self, now: Time, route: &str) -> Arc<Window> {
        if let Some(window) = self.windows.read().get(route) {
            return Arc::clone(window);
        }
        let new = || {
            let evidence = Mutex::new(Evidence::of_route(now, &self.health.read()));
            Arc::new(Window { route: route.to_owned(), touched: AtomicU64::new(now.0), evidence })
        };
        self.idle.lock().remove(route);
        Arc::clone(self.windows.write().entry(route.to_owned()).or_insert_with(new))
    }

    /// What all routes show, read anew every 250 ms. No lock is held over all of them.
    pub(super) fn census(&self, now: Time, watched: &BTreeSet<String>) -> Arc<Census> {
        let mut last = self.last.lock();
        if now.since(last.0) < PERIOD {
            return Arc::clone(&last.1);
        }
        let windows: Vec<Arc<Window>> = self.windows.read().values().cloned().collect();
        let health = self.health.read().clone();
        let mut sketches = 0;
        let read = windows.iter().map(|window| {
            let mut evidence = window.evidence.lock();
            let assessment = evidence.assess(now);
            let sketch = assessment.breach.is_some() && sketches < MAX_SKETCHES;
            sketches += usize::from(sketch);
            evidence.sketch(sketch);
            (window.route.as_str(), assessment)
        });
        let idle = self.idle.lock().len() as u64;
        let census = Arc::new(Census::take(&health, read, watched, idle));
        self.forget(now, &health, &census, &windows);
        *last = (now, Arc::clone(&census));
        census
    }

    fn forget(&self, now: Time, health: &Health, census: &Census, windows: &[Arc<Window>]) {
        let stale = STALE_AFTER * health.window().max(2 * health.latency_bound());
        let is_stale = |window: &Window| {
            now.since(Time(window.touched.load(Ordering::Relaxed))) > stale
                && !census.notable.contains_key(&window.route)
        };
        let stale: Vec<_> = windows.iter().filter(|window| is_stale(window)).collect();
        let mut idle = self.idle.lock();
        idle.retain(|_, at| now.since(*at) < IDLE_FOR);
        for window in &stale {
            idle.insert(window.route.clone(), now);
        }
        drop(idle);
        if !stale.is_empty() {
            self.windows.write().retain(|_, window| !is_stale(window));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(routes: &Routes, route: &str, from: u64, failed: bool) {
        let window = routes.begin(Time(from), route, true);
        for n in 0..100 {
            window.evidence.lock().request(Time(from + n), Duration::from_millis(1), failed);
        }
    }

    #[test]
    fn a_route_without_requests_costs_nothing() {
        let routes = Routes::new(&Health::default());
        requests(&routes, "a", 1_000, false);
        requests(&routes, "b", 1_000, true);
        let census = routes.census(Time(2_000), &BTreeSet::new());
        assert_eq!((census.routes, census.requests), (2, 200));
        assert_eq!(census.notable.keys().collect::<Vec<_>>(), ["b"]);
        requests(&routes, "a", 40_000, false);
        let _ = routes.census(Time(40_100), &BTreeSet::new());
        assert_eq!(routes.census(Time(40_400), &BTreeSet::new()).routes, 2, "one is idle");
        assert_eq!(routes.windows.read().keys().collect::<Vec<_>>(), ["a"], "the other is dropped");
    }

    #[test]
    fn a_probe_that_never_succeeded_says_nothing() {
        let routes = Routes::new(&Health::default());
        let failures =
            |from: u64| (from..from + 10).for_each(|n| routes.probed(Time(n * 1000), "a", false, true));
        failures(1);
        assert!(routes.census(Time(11_000), &BTreeSet::new()).notable.is_empty());
        routes.probed(Time(20_000), "a", true, true);
        failures(21);
        assert_eq!(routes.census(Time(31_000), &BTreeSet::new()).notable.len(), 1);
    }

    #[test]
    fn latencies_are_kept_of_few() {
        let routes = Routes::new(&Health::default());
        for n in 0..MAX_SKETCHES + 10 {
            requests(&routes, &n.to_string(), 1_000, true);
        }
        requests(&routes, "well", 1_000, false);
        let _ = routes.census(Time(2_000), &BTreeSet::new());
        let sketching = |window: &&Arc<Window>| window.evidence.lock().sketches();
        assert_eq!(routes.windows.read().values().filter(sketching).count(), MAX_SKETCHES);
    }
}
