//! The counters of one route and of one Ingress.

use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::{Answered, Served};

/// Seconds. Fewer than the gateway's own histogram has: these are multiplied by the routes.
const BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How the names of the classes of codes begin: of 1xx to 5xx.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// One Ingress: its answers by exact status code and by who served them.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) name: String,
    /// A handful; most requests find theirs at the first or second place.
    codes: RwLock<Vec<(u16, Served, Counter)>>,
}

impl Ingress {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), codes: RwLock::default() }
    }

    fn count(&self, code: u16, served: Served) {
        let is_it =
            |(its_code, its_served, _): &(u16, Served, Counter)| *its_code == code && *its_served == served;
        if let Some((.., counter)) = self.codes.read().iter().find(|known| is_it(known)) {
            counter.inc();
            return;
        }
        let mut codes = self.codes.write();
        if !codes.iter().any(is_it) {
            codes.push((code, served, Counter::default()));
        }
        if let Some((.., counter)) = codes.iter().find(|known| is_it(known)) {
            counter.inc();
        }
    }

    pub(super) fn codes(&self) -> Vec<(u16, Served, Counter)> {
        self.codes.read().clone()
    }
}

/// One route: its answers by the region that served them.
#[derive(Debug)]
pub(super) struct Series {
    /// The labels.
    pub(super) ingress_name: String,
    pub(super) pattern: String,
    pub(super) ingress: Arc<Ingress>,
    here: OnceLock<Hop>,
    here_for_other: OnceLock<Hop>,
    by_others: RwLock<Vec<Arc<Hop>>>,
}

/// The answers that one region gave, for its own clients or for those of another.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) region: String,
    pub(super) spilled: bool,
    classes: [Counter; CLASSES.len()],
    pub(super) duration: Histogram,
}

impl Series {
    pub(super) fn new(ingress_name: &str, pattern: &str, ingress: Arc<Ingress>) -> Self {
        Self {
            ingress_name: ingress_name.to_owned(),
            pattern: pattern.to_owned(),
            ingress,
            here: OnceLock::new(),
            here_for_other: OnceLock::new(),
            by_others: RwLock::default(),
        }
    }

    pub(super) fn answered(&self, answered: Answered<'_>) {
        self.ingress.count(answered.status.as_u16(), answered.served);
        let region = answered.region;
        match answered.served {
            Served::Here | Served::Nobody => {
                self.here.get_or_init(|| Hop::new(region, false)).count(answered);
            }
            Served::HereForOther => {
                self.here_for_other.get_or_init(|| Hop::new(region, true)).count(answered);
            }
            Served::ByOther => self.by_other(region).count(answered),
        }
    }

    fn by_other(&self, region: &str) -> Arc<Hop> {
        if let Some(hop) = self.by_others.read().iter().find(|hop| hop.region == region) {
            return Arc::clone(hop);
        }
        let mut hops = self.by_others.write();
        if let Some(hop) = hops.iter().find(|hop| hop.region == region) {
            return Arc::clone(hop);
        }
        let hop = Arc::new(Hop::new(region, true));
        hops.push(Arc::clone(&hop));
        hop
    }

    /// Shows every hop that has answered something.
    pub(super) fn each<E>(&self, mut show: impl FnMut(&Hop) -> Result<(), E>) -> Result<(), E> {
        let others = self.by_others.read().clone();
        let here = [self.here.get(), self.here_for_other.get()];
        here.into_iter().flatten().chain(others.iter().map(AsRef::as_ref)).try_for_each(&mut show)
    }
}

impl Hop {
    fn new(region: &str, spilled: bool) -> Self {
        let (region, classes) = (region.to_owned(), Default::default());
        Self { region, spilled, classes, duration: Histogram::new(BUCKETS) }
    }

    fn count(&self, answered: Answered<'_>) {
        let class = usize::from(answered.status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        if let Some(counter) = self.classes.get(class) {
            counter.inc();
        }
        self.duration.observe(answered.latency.as_secs_f64());
    }

    /// The classes that have been answered.
    pub(super) fn classes(&self) -> impl Iterator<Item = (&'static str, &Counter)> {
        CLASSES.into_iter().zip(&self.classes).filter(|(_, counter)| counter.get() > 0)
    }
}
