//! A world: what is there and what goes wrong with it when. Plain data: a seed makes it, a file holds it.

mod fault;
mod generate;
mod links;
mod truth;

use serde::{Deserialize, Serialize};
use spillway_decide::{Priority, PriorityRegion};

pub use fault::{Fault, What};
pub use generate::{Wish, generate};
pub use truth::{Service, Truth};

/// Milliseconds since the world began, by nobody's clock.
pub type Millis = u64;

/// A federation and its fate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Seeds the noise of the run: arrivals, latencies, lost messages.
    pub seed: u64,
    /// What people want at first. Its regions are those of the world, in order.
    pub priority: Priority,
    /// The regions; a region's number is its place here, whatever the priority says later.
    pub regions: Vec<Region>,
    /// Requests a second of all clients together.
    pub rate: u32,
    /// Clients in each region's zone.
    pub clients: u32,
    /// Percent of the requests that each route has; none: nobody tells routes apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<u32>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What people change, in the order of the versions of the configuration.
    pub changes: Vec<Change>,
}

/// A region with one gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Requests a second that it declares to carry; in truth a fifth more.
    pub capacity: u32,
    /// Milliseconds from here to the middle of the network; a message between two takes the sum.
    pub distance: u64,
    /// How far its clock is ahead, in milliseconds.
    pub clock_ahead: i64,
    /// How much its clock is too fast, in millionths.
    pub clock_drift: i64,
    /// When its gateway starts.
    pub starts: Millis,
    /// Bad requests in 10,000 on any day: within bounds.
    pub noise: u32,
    /// Seconds for which the zone's stretching resolver keeps every answer at least; 0: it honours the TTL.
    pub stretch: u64,
}

/// A new version of what people want.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// When it is declared.
    pub at: Millis,
    /// How much later each region's gateway learns of it; versions stand side by side meanwhile.
    pub lag: Vec<Millis>,
    /// All of what is wanted from then on.
    pub priority: Priority,
}

/// The name of a route by its number.
#[must_use]
pub fn route_name(number: usize) -> String {
    format!("route-{number}")
}

impl World {
    /// The number of a region.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.regions.iter().position(|region| region.name == name)
    }

    /// What people want by version: 0 is the first.
    #[must_use]
    pub fn priority(&self, version: usize) -> &Priority {
        version
            .checked_sub(1)
            .and_then(|nth| self.changes.get(nth))
            .map_or(&self.priority, |change| &change.priority)
    }

    /// The version that has reached a region.
    #[must_use]
    pub fn version(&self, region: usize, now: Millis) -> usize {
        let arrived = |change: &Change| change.at + change.lag.get(region).copied().unwrap_or(0) <= now;
        self.changes.iter().rposition(arrived).map_or(0, |nth| nth + 1)
    }

    /// When the last fault has ended and every change has arrived.
    #[must_use]
    pub fn quiet_from(&self) -> Millis {
        let faults = self.faults.iter().map(|fault| fault.until);
        let changes =
            self.changes.iter().map(|change| change.at + change.lag.iter().max().copied().unwrap_or(0));
        let starts = self.regions.iter().map(|region| region.starts);
        faults.chain(changes).chain(starts).max().unwrap_or(0)
    }

    /// How long after that everything is as people want it: the longest hold of a recovery, its steps, and
    /// [`Self::SETTLE`] for windows, caches and the last exchanges.
    #[must_use]
    pub fn convergence(&self) -> Millis {
        let of = |priority: &Priority| {
            let recovery = &priority.recovery;
            let steps =
                u64::try_from(recovery.steps_percent.len()).unwrap_or(0) * u64::from(recovery.step_seconds);
            u64::from(recovery.max_hold_seconds.max(recovery.hold_seconds)) + steps
        };
        let longest = (0..=self.changes.len()).map(|version| of(self.priority(version))).max().unwrap_or(0);
        longest * 1000 + Self::SETTLE
    }

    /// Part of [`Self::convergence`].
    pub const SETTLE: Millis = 40_000;

    /// When the run ends.
    #[must_use]
    pub fn end(&self) -> Millis {
        self.quiet_from() + self.convergence() + 2_000
    }

    /// Leaves a region out, and all that concerns it.
    #[must_use]
    pub fn without(&self, region: usize) -> Self {
        let mut world = self.clone();
        let name = world.regions.remove(region).name;
        let rest = |entries: &[PriorityRegion]| {
            entries.iter().filter(|entry| entry.name != name).cloned().collect::<Vec<_>>()
        };
        world.priority.regions = rest(&self.priority.regions);
        for change in &mut world.changes {
            change.priority.regions = rest(&change.priority.regions);
            if region < change.lag.len() {
                change.lag.remove(region);
            }
        }
        world.faults = self.faults.iter().filter_map(|fault| fault.without(region)).collect();
        world
    }
}

/// What is wrong with a world that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWorld(String);

impl std::fmt::Display for BadWorld {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BadWorld {}

impl World {
    /// Checks a world that comes from a file.
    ///
    /// # Errors
    /// Names the field and says what is allowed.
    pub fn check(&self) -> Result<(), BadWorld> {
        let size = self.regions.len();
        if !(1..=64).contains(&size) {
            return Err(BadWorld(format!("regions: {size} of them; 1 to 64 are allowed")));
        }
        if let Some(fault) = self.faults.iter().find(|fault| !fault.is_of(size)) {
            return Err(BadWorld(format!("faults: {fault:?} names a region beyond {}", size - 1)));
        }
        if let Some(fault) = self.faults.iter().find(|fault| fault.until < fault.from) {
            return Err(BadWorld(format!("faults: {fault:?} ends before it begins")));
        }
        let routes = self.routes.len();
        if let Some(fault) = self.faults.iter().find(|fault| fault.route.is_some_and(|route| route >= routes))
        {
            return Err(BadWorld(format!("faults: {fault:?} names a route, and there are {routes}")));
        }
        if routes > 0 && self.routes.iter().sum::<u32>() != 100 {
            return Err(BadWorld("routes: their percents must make 100".to_owned()));
        }
        let strange = |priority: &Priority| {
            priority.names().find(|name| self.index(name).is_none()).map(ToOwned::to_owned)
        };
        if let Some(name) = (0..=self.changes.len()).find_map(|version| strange(self.priority(version))) {
            return Err(BadWorld(format!("priority: {name} is not among the regions")));
        }
        Ok(())
    }
}
