//! The rows of one object, for 64 members: a bitmap, and the rows in the order of the members.
//!
//! This is where the map grows. Rows of one object belong together (a reconcile writes all of them), there are at
//! most as many as there are members, and so an array of them can grow without anyone noticing: the largest is 4 KiB.
//! A row is found by counting the bits below its own.

use crate::{Row, growth::Work};

/// Members whose rows share a block.
pub(crate) const GROUP: usize = 64;

/// Capacities that a block can have. They are close together, since a hub holds as many spare rows an object as the
/// step is wide; yet no row is copied more than three times on the way to 64.
const CAPACITIES: [usize; 11] = [1, 2, 4, 8, 16, 24, 32, 40, 48, 56, GROUP];

/// The rows of one object on the members of one group.
#[derive(Debug, Default)]
pub(crate) struct Block {
    present: u64,
    rows: Vec<Row>,
}

impl Block {
    /// The row of the member with this number in the group.
    pub(crate) fn get(&self, member: usize) -> Option<Row> {
        self.has(member).then(|| self.rows[self.rank(member)])
    }

    /// Puts a row in its place, or takes it away if it says nothing. `members` is how many the group has: there will
    /// be no more rows than that, so that the last array need not be larger.
    pub(crate) fn put(&mut self, member: usize, row: Row, members: usize) -> Work {
        if row.is_empty() {
            return self.take(member);
        }
        let rank = self.rank(member);
        let work = if self.has(member) {
            self.rows[rank] = row;
            Work::NONE
        } else {
            self.insert(rank, row, members)
        };
        self.present |= 1 << member;
        work
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present == 0
    }

    pub(crate) fn capacity(&self) -> usize {
        self.rows.capacity()
    }

    /// The rows with their members' numbers in the group.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Row)> {
        (0..GROUP).filter(|member| self.has(*member)).zip(&self.rows)
    }

    fn insert(&mut self, rank: usize, row: Row, members: usize) -> Work {
        let len = self.rows.len();
        let shifted = len - rank;
        let work = if len < self.rows.capacity() {
            Work::moving(shifted)
        } else {
            let capacity = roomy(len + 1).min(members.max(len + 1));
            let work = Work::moving(len + shifted).and(Work::resizing(len, capacity));
            work.seen("rows", || self.rows.reserve_exact(capacity - len));
            work
        };
        self.rows.insert(rank, row);
        work
    }

    fn take(&mut self, member: usize) -> Work {
        if !self.has(member) {
            return Work::NONE;
        }
        let rank = self.rank(member);
        self.rows.remove(rank);
        self.present &= !(1 << member);
        let (len, capacity) = (self.rows.len(), self.rows.capacity());
        let closed = Work::moving(len - rank);
        if capacity <= roomy(roomy(len) + 1) && len > 0 {
            return closed; // two steps too large before it shrinks, so that it does not go to and fro
        }
        let work = Work::moving(len).and(closed).and(Work::resizing(capacity, roomy(len)));
        work.seen("shrink", || self.rows.shrink_to(roomy(len)));
        work
    }

    fn has(&self, member: usize) -> bool {
        self.present >> member & 1 == 1
    }

    fn rank(&self, member: usize) -> usize {
        (self.present & ((1 << member) - 1)).count_ones() as usize
    }
}

/// The smallest capacity for so many rows; none for none.
fn roomy(len: usize) -> usize {
    if len == 0 { 0 } else { CAPACITIES.into_iter().find(|capacity| *capacity >= len).unwrap_or(GROUP) }
}
