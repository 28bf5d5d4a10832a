//! What growing costs: counted by every step, seen by metrics and on a timeline.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Row;

/// What one operation moved, allocated and freed so that the map could grow or shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    /// Arrays that were replaced, and pages made.
    pub(crate) steps: u32,
    /// Rows that were copied to another place.
    pub(crate) moved: u32,
    /// Rows that there is room for now and was not before, less those the other way round.
    pub(crate) room: i32,
    /// Bytes.
    pub(crate) allocated: u32,
    /// Bytes.
    pub(crate) freed: u32,
}

impl Work {
    pub(crate) const NONE: Self = Self { steps: 0, moved: 0, room: 0, allocated: 0, freed: 0 };

    /// Rows that made room or closed a gap.
    pub(crate) fn moving(rows: usize) -> Self {
        Self { moved: count(rows), ..Self::NONE }
    }

    /// An array of rows in place of another.
    pub(crate) fn resizing(from: usize, to: usize) -> Self {
        let (freed, allocated) = (count(from * size_of::<Row>()), count(to * size_of::<Row>()));
        Self { steps: 1, room: signed(to) - signed(from), allocated, freed, moved: 0 }
    }

    /// Memory that is taken for good or given back, as one step.
    pub(crate) fn of_bytes(allocated: usize, freed: usize) -> Self {
        Self { steps: 1, allocated: count(allocated), freed: count(freed), ..Self::NONE }
    }

    /// Memory that is taken or given back beside a step.
    pub(crate) fn holding(allocated: usize, freed: usize) -> Self {
        Self { steps: 0, ..Self::of_bytes(allocated, freed) }
    }

    /// Both, in one operation.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            moved: self.moved + other.moved,
            room: self.room + other.room,
            allocated: self.allocated + other.allocated,
            freed: self.freed + other.freed,
        }
    }

    /// The memory that was touched.
    pub(crate) fn bytes(self) -> usize {
        self.allocated as usize + self.freed as usize
    }

    /// Does the step inside a span, so that a timeline shows when it was and what it cost.
    pub(crate) fn seen<R>(self, step: &'static str, take: impl FnOnce() -> R) -> R {
        let span = tracing::trace_span!(
            target: "spillway_placement",
            "placement_growth",
            step,
            moved = self.moved,
            bytes = self.allocated.max(self.freed)
        );
        span.in_scope(take)
    }
}

/// What growing has cost so far, and what the map holds. Counters only grow; gauges go both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Growth {
    /// Objects that the map knows.
    pub objects: u64,
    /// Rows that the map holds.
    pub rows: u64,
    /// Rows that there is room for without another step; rows over this is the load factor.
    pub row_capacity: u64,
    /// Pages of 64 objects. A Go map would count overflow buckets here.
    pub segments: u64,
    /// Bytes that the map asked the allocator for and has not given back: rows, pages, names. Members and the list of free
    /// places are not counted; they are small.
    pub bytes: u64,
    /// Growth and shrink steps so far.
    pub steps: u64,
    /// Rows that steps have copied so far.
    pub entries_moved: u64,
    /// The most rows that one operation has copied.
    pub largest_moved: u64,
    /// The most bytes that one operation has allocated, or freed.
    pub largest_bytes: u64,
}

/// Counts work as it is done. Nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    row_capacity: AtomicU64,
    allocated: AtomicU64,
    freed: AtomicU64,
    steps: AtomicU64,
    moved: AtomicU64,
    largest_moved: AtomicU64,
    largest_bytes: AtomicU64,
}

impl Meter {
    pub(crate) fn record(&self, work: Work) {
        if work == Work::NONE {
            return;
        }
        let add = |counter: &AtomicU64, by: u32| counter.fetch_add(u64::from(by), Ordering::Relaxed);
        add(&self.moved, work.moved);
        self.largest_moved.fetch_max(u64::from(work.moved), Ordering::Relaxed);
        if work.allocated == 0 && work.freed == 0 {
            return;
        }
        add(&self.steps, work.steps);
        add(&self.allocated, work.allocated);
        add(&self.freed, work.freed);
        self.row_capacity.fetch_add(i64::from(work.room).cast_unsigned(), Ordering::Relaxed);
        self.largest_bytes.fetch_max(u64::from(work.allocated.max(work.freed)), Ordering::Relaxed);
    }

    /// The figures, but for those that others keep.
    pub(crate) fn read(&self) -> Growth {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Growth {
            row_capacity: read(&self.row_capacity),
            bytes: read(&self.allocated).saturating_sub(read(&self.freed)),
            steps: read(&self.steps),
            entries_moved: read(&self.moved),
            largest_moved: read(&self.largest_moved),
            largest_bytes: read(&self.largest_bytes),
            ..Growth::default()
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn signed(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
