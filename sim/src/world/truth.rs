//! What is true of a world, whatever its gateways believe: the yardstick of the invariants.
//!
//! Most of it follows from the faults. What the run adds is load: a region that gets more than it can carry is
//! short, one that is nearly full is busy.

use super::{Fault, Millis, What, World};

/// Percent of spoiled requests from which on a promise may be called broken: half of what is allowed, so that
/// nothing hangs on what is near the bound. Generated faults spoil less than this or at least 30 percent.
pub(super) const SUSPECT_PERCENT: u32 = 3;

/// How a region's backends serve at a moment, in percent of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Service {
    /// Fail at once.
    pub errors: u32,
    /// Take seconds.
    pub slow: u32,
    /// Never end.
    pub hang: u32,
    /// Requests a second that can be carried.
    pub capacity: f64,
}

/// The faults, and the load that the run has seen.
#[derive(Clone, Debug)]
pub struct Truth<'a> {
    /// The world.
    pub world: &'a World,
    /// When each region had more to do than it can.
    short: Vec<Vec<(Millis, Millis)>>,
    /// When each region had nearly as much to do as it declares to carry.
    busy: Vec<Vec<(Millis, Millis)>>,
}

impl<'a> Truth<'a> {
    /// Nothing has run yet.
    #[must_use]
    pub fn new(world: &'a World) -> Self {
        let none = vec![Vec::new(); world.regions.len()];
        Self { world, short: none.clone(), busy: none }
    }

    /// How a region's backends serve a route now; none: those of no route in particular.
    #[must_use]
    pub fn service(&self, region: usize, route: Option<usize>, now: Millis) -> Service {
        let declared = self.world.regions.get(region).map_or(0, |region| region.capacity);
        let mut service = Service { capacity: f64::from(declared) * 1.2, ..Service::default() };
        for fault in self.world.faults.iter().filter(|fault| fault.region == region && fault.is_on(now)) {
            if fault.route.is_some() && fault.route != route {
                continue;
            }
            match fault.what {
                What::Errors(percent) => service.errors = service.errors.max(percent),
                What::Slow(percent) => service.slow = service.slow.max(percent),
                What::Hang(percent) => service.hang = service.hang.max(percent),
                What::Shortage(percent) => service.capacity *= f64::from(percent) / 100.0,
                _ => {}
            }
        }
        service
    }

    /// Notes the load of a stretch of time, in requests a second.
    pub fn note_load(&mut self, region: usize, from: Millis, until: Millis, rate: f64) {
        let capacity = self.service(region, None, from).capacity;
        let declared = self.world.regions.get(region).map_or(0, |region| region.capacity);
        if rate > capacity {
            extend(&mut self.short, region, from, until);
        }
        if rate > 0.7 * f64::from(declared) || rate > 0.7 * capacity {
            extend(&mut self.busy, region, from, until);
        }
    }

    /// When a region's backends break its promise: by faults that spoil enough, or for want of capacity.
    /// Stretches that are less than `gap` apart are one. What one route of several does is not the region's, but
    /// it may go on where the region's own trouble ends.
    #[must_use]
    pub fn broken(&self, region: usize, gap: Millis) -> Vec<(Millis, Millis)> {
        let mut spans = self.spoiled(region, None);
        spans.extend(self.short.get(region).into_iter().flatten());
        let near = |route: &(Millis, Millis)| {
            spans.iter().any(|own| own.0 <= route.1 + gap && route.0 <= own.1 + gap)
        };
        let all: Vec<usize> = (0..self.world.routes.len()).collect();
        let routes: Vec<_> =
            all.iter().flat_map(|route| self.spoiled(region, Some(*route))).filter(near).collect();
        spans.extend(routes);
        joined(spans, gap)
    }

    /// When a route's requests are bad in a region, for its own fault or the region's.
    #[must_use]
    pub fn broken_route(&self, region: usize, route: usize, gap: Millis) -> Vec<(Millis, Millis)> {
        let mut spans = self.spoiled(region, Some(route));
        spans.extend(self.spoiled(region, None));
        spans.extend(self.short.get(region).into_iter().flatten());
        joined(spans, gap)
    }

    fn spoiled(&self, region: usize, route: Option<usize>) -> Vec<(Millis, Millis)> {
        let mine = |fault: &&Fault| {
            fault.region == region && fault.route == route && fault.spoils() >= SUSPECT_PERCENT
        };
        self.world.faults.iter().filter(mine).map(|fault| (fault.from, fault.until)).collect()
    }

    /// Whether anything was wrong with a region itself in that time, as its backends and its gateway go.
    #[must_use]
    pub fn ailed(&self, region: usize, from: Millis, until: Millis) -> bool {
        let own = |fault: &Fault| {
            fault.region == region
                && fault.touches(from, until)
                && (fault.spoils() >= SUSPECT_PERCENT || matches!(fault.what, What::Dead | What::Shortage(_)))
        };
        let loaded = |spans: &[Vec<(Millis, Millis)>]| {
            spans.get(region).into_iter().flatten().any(|span| span.0 <= until && from <= span.1)
        };
        self.world.faults.iter().any(own) || loaded(&self.short) || loaded(&self.busy)
    }

    /// Since when a region had more to do than it can, the last time that it had in that time.
    #[must_use]
    pub fn short_since(&self, region: usize, from: Millis, until: Millis) -> Option<Millis> {
        let mut spans = self.short.get(region).into_iter().flatten().rev();
        spans.find(|span| span.0 <= until && from <= span.1).map(|span| span.0)
    }

    /// Whether a region's gateway was up all the time.
    #[must_use]
    pub fn was_up(&self, region: usize, from: Millis, until: Millis) -> bool {
        let died =
            |fault: &Fault| fault.region == region && fault.what == What::Dead && fault.touches(from, until);
        self.world.regions.get(region).is_some_and(|region| region.starts <= from)
            && !self.world.faults.iter().any(died)
    }

    /// Whether `from_region` reached `to`'s door without trouble all the time: both were up, and nothing was
    /// wrong between them.
    #[must_use]
    pub fn reached(&self, from_region: usize, to: usize, from: Millis, until: Millis) -> bool {
        let trouble = |fault: &Fault| fault.touches(from, until) && fault.is_between(from_region, to);
        self.was_up(from_region, from, until)
            && self.was_up(to, from, until)
            && !self.world.faults.iter().any(trouble)
    }

    /// Whether two regions could talk without trouble all the time, whoever opened the connection.
    #[must_use]
    pub fn talked(&self, one: usize, other: usize, from: Millis, until: Millis) -> bool {
        self.reached(one, other, from, until) || self.reached(other, one, from, until)
    }

    /// Whether what people want was another at any gateway in that time.
    #[must_use]
    pub fn changed(&self, from: Millis, until: Millis) -> bool {
        self.world.changes.iter().any(|change| {
            change.at <= until && from <= change.at + change.lag.iter().max().copied().unwrap_or(0)
        })
    }
}

fn extend(spans: &mut [Vec<(Millis, Millis)>], region: usize, from: Millis, until: Millis) {
    let Some(spans) = spans.get_mut(region) else { return };
    match spans.last_mut().filter(|last| from <= last.1) {
        Some(last) => last.1 = last.1.max(until),
        None => spans.push((from, until)),
    }
}

/// Stretches that are less than `gap` apart, as one.
fn joined(mut spans: Vec<(Millis, Millis)>, gap: Millis) -> Vec<(Millis, Millis)> {
    spans.sort_unstable();
    let mut joined: Vec<(Millis, Millis)> = Vec::new();
    for (from, until) in spans {
        match joined.last_mut().filter(|last| from <= last.1 + gap) {
            Some(last) => last.1 = last.1.max(until),
            None => joined.push((from, until)),
        }
    }
    joined
}
