//! What happens next: a queue of events in the order of time, and of their making within a moment.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use spillway_decide::report::PriorityReport;

use crate::world::Millis;

/// Something that happens to a gateway in one of its lives, or to the world.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A gateway starts.
    Start(usize),
    /// It dies.
    Die(usize),
    /// It decides, as every 100 ms.
    Tick { gateway: usize, life: u32 },
    /// It decides because of news.
    News { gateway: usize, life: u32 },
    /// It probes its own backends.
    Backends { gateway: usize, life: u32 },
    /// It probes another region's door; `turn` is the plan that this belongs to.
    Probe { gateway: usize, life: u32, other: usize, turn: u32 },
    /// That probe comes back, or its deadline passes.
    Probed { gateway: usize, life: u32, other: usize, sent: Millis, ok: bool },
    /// It begins an exchange.
    Talk { gateway: usize, life: u32, other: usize, turn: u32 },
    /// Its report arrives at the other side.
    Hear { gateway: usize, life: u32, other: usize, report: Option<Arc<PriorityReport>> },
    /// The exchange ends: with the other's report, or without.
    Talked { gateway: usize, life: u32, other: usize, answer: Answered },
    /// A tick's worth of requests of a zone.
    Arrivals(usize),
    /// The invariants look.
    Beat,
}

/// How an exchange ended.
#[derive(Clone, Debug)]
pub(super) enum Answered {
    /// With a report; none when the other has decided nothing yet.
    With(Option<Arc<PriorityReport>>),
    /// Not at all.
    Silence,
}

#[derive(Debug)]
struct Entry {
    at: Millis,
    number: u64,
    event: Event,
}

/// The events to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    next: u64,
}

impl Queue {
    /// Plans an event.
    pub(super) fn put(&mut self, at: Millis, event: Event) {
        self.heap.push(Reverse(Entry { at, number: self.next, event }));
        self.next += 1;
    }

    /// The next event.
    pub(super) fn pop(&mut self) -> Option<(Millis, Event)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
