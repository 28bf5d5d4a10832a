//! What goes through one backend as a whole: what is in flight, how many it takes at a time, how many retries
//! are left, how its endpoints do together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use spillway_decide::Time;
use spillway_decide::balance::limit::Flow as Measured;
use spillway_decide::balance::{Budget, Class, Limit, Outcome, Tally};
use spillway_decide::routes::LimitedTo;

use super::clock;

pub(crate) struct Flow {
    own: AtomicUsize,
    spilled: AtomicUsize,
    memory: Mutex<Memory>,
}

struct Memory {
    limit: Limit,
    budget: Budget,
    tally: Tally,
}

/// What [`Flow`] shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) own: usize,
    pub(crate) spilled: usize,
    pub(crate) limit: Option<f64>,
    pub(crate) lowest_millis: Option<f64>,
    pub(crate) measured: Option<Measured>,
}

impl Flow {
    pub(super) fn new(now: Time) -> Self {
        let memory = Memory { limit: Limit::new(now), budget: Budget::new(now), tally: Tally::default() };
        Self { own: AtomicUsize::new(0), spilled: AtomicUsize::new(0), memory: Mutex::new(memory) }
    }

    /// Lets a request in, unless the limit says otherwise.
    pub(crate) fn enter(self: &Arc<Self>, now: Instant, class: Class, limited: LimitedTo) -> Option<Place> {
        let (own, spilled) = (self.own.load(Ordering::Relaxed), self.spilled.load(Ordering::Relaxed));
        let asked = match limited {
            LimitedTo::None => false,
            LimitedTo::Spilled => class == Class::Spilled,
            LimitedTo::All => true,
        };
        let mut memory = self.memory.lock();
        if asked && !memory.limit.admits(class, own, own + spilled) {
            return None;
        }
        if limited == LimitedTo::All {
            memory.limit.be_eager();
        }
        memory.limit.began(own + spilled + 1);
        if class == Class::Own {
            memory.budget.earn(clock::at(now));
        }
        drop(memory);
        self.of(class).fetch_add(1, Ordering::Relaxed);
        Some(Place { flow: Arc::clone(self), class, began: now, measured: None })
    }

    /// Takes a retry off the budget, if there is one left.
    pub(crate) fn may_repeat(&self) -> bool {
        self.memory.lock().budget.spend(clock::now())
    }

    pub(super) fn tally(&self, now: Time, outcome: Outcome) -> Tally {
        let mut memory = self.memory.lock();
        memory.tally.add(now, outcome);
        memory.tally
    }

    /// The backend has another number of endpoints.
    pub(super) fn resized(&self, before: usize, after: usize) {
        let count = |endpoints: usize| f64::from(u32::try_from(endpoints).unwrap_or(u32::MAX));
        if before != after && before > 0 && after > 0 {
            self.memory.lock().limit.scale(count(after) / count(before));
        }
    }

    pub(crate) fn shown(&self) -> Shown {
        let memory = self.memory.lock();
        Shown {
            own: self.own.load(Ordering::Relaxed),
            spilled: self.spilled.load(Ordering::Relaxed),
            limit: memory.limit.limit(),
            lowest_millis: memory.limit.lowest_millis(),
            measured: memory.limit.flow(),
        }
    }

    fn of(&self, class: Class) -> &AtomicUsize {
        match class {
            Class::Own => &self.own,
            Class::Spilled => &self.spilled,
        }
    }
}

/// A request's place at a backend, until its answer begins.
pub(crate) struct Place {
    flow: Arc<Flow>,
    class: Class,
    began: Instant,
    /// When the head of the answer came, if one did, and how long it took.
    measured: Option<(Instant, Duration)>,
}

impl Place {
    /// The head of an answer is there, or time is up: that is how long it took since the last piece of the request
    /// came. How long the client took for it is not the backend's.
    pub(crate) fn measured(mut self, last_piece: Instant) {
        let now = Instant::now();
        self.measured = Some((now, now.saturating_duration_since(self.began.max(last_piece))));
    }
}

impl Drop for Place {
    /// Without a latency (a failure, a client that went away) it says nothing about how full the backend is.
    fn drop(&mut self) {
        let now = self.measured.map_or_else(clock::now, |(now, _)| clock::at(now));
        let latency = self.measured.map(|(_, latency)| latency);
        self.flow.memory.lock().limit.finished(now, self.class, latency);
        self.flow.of(self.class).fetch_sub(1, Ordering::Relaxed);
    }
}
