//! The rows of one member, with its counts and its rows out of step kept as they change.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{Counts, ObjectKey, Row, State};

/// One member's rows. Not shared by itself: the map puts a lock around it.
#[derive(Debug, Default)]
pub(crate) struct MemberRows {
    rows: BTreeMap<ObjectKey, Row>,
    out_of_step: BTreeSet<ObjectKey>,
    counts: Counts,
}

impl MemberRows {
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Row> {
        self.rows.get(key).copied()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Puts `row` in place of `before` (what `get` said), or removes it if it says nothing.
    pub(crate) fn replace(&mut self, key: &ObjectKey, before: Option<Row>, row: Row) {
        if let Some(before) = before {
            self.counts.leave(before.state());
        }
        if row.is_empty() {
            self.rows.remove(key);
            self.out_of_step.remove(key);
            return;
        }
        self.counts.enter(row.state());
        if row.state() == State::InStep {
            self.out_of_step.remove(key);
        } else if !self.out_of_step.contains(key) {
            self.out_of_step.insert(key.clone());
        }
        self.rows.insert(key.clone(), row);
    }

    /// At most `limit` rows after a key.
    pub(crate) fn after(&self, after: Option<&ObjectKey>, limit: usize) -> Vec<(ObjectKey, Row)> {
        self.rows.range(from(after)).take(limit).map(|(key, row)| (key.clone(), *row)).collect()
    }

    /// At most `limit` rows out of step after a key.
    pub(crate) fn out_of_step_after(&self, after: Option<&ObjectKey>, limit: usize) -> Vec<(ObjectKey, Row)> {
        let keys = self.out_of_step.range(from(after)).take(limit);
        keys.filter_map(|key| Some((key.clone(), self.get(key)?))).collect()
    }

    /// Forgets at most `limit` rows; tells how many are left.
    pub(crate) fn forget(&mut self, limit: usize) -> usize {
        for (key, row) in self.after(None, limit) {
            self.replace(&key, Some(row), Row::default());
        }
        self.rows.len()
    }
}

fn from(after: Option<&ObjectKey>) -> (Bound<&ObjectKey>, Bound<&ObjectKey>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}
