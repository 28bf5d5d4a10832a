//! The map: members, each with its rows behind its own lock.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;

use crate::{Chunk, Counts, Cursor, Error, ObjectKey, Row, member::MemberRows};

/// Tells maps apart, so that a cursor of one is refused by another.
static NEXT_MAP: AtomicU64 = AtomicU64::new(0);

type Shared = Arc<RwLock<MemberRows>>;

/// What is desired, applied and observed of every object on every member. Shared by reference; members do not
/// wait for each other.
#[derive(Debug)]
pub struct PlacementMap {
    id: u64,
    members: RwLock<BTreeMap<Arc<str>, Shared>>,
}

impl Default for PlacementMap {
    fn default() -> Self {
        Self { id: NEXT_MAP.fetch_add(1, Ordering::Relaxed), members: RwLock::default() }
    }
}

impl PlacementMap {
    /// Makes a member known. Joining twice changes nothing.
    pub fn join(&self, member: &str) {
        self.members.write().entry(member.into()).or_default();
    }

    /// Forgets at most `limit` rows of a member that leaves and tells how many are left; at none, the member is
    /// unknown. The caller goes on until then, with others in between.
    pub fn leave(&self, member: &str, limit: usize) -> Result<usize, Error> {
        let left = self.member(member)?.write().forget(limit);
        if left == 0 {
            self.members.write().remove(member);
        }
        Ok(left)
    }

    /// The members, by name.
    #[must_use]
    pub fn members(&self) -> Vec<Arc<str>> {
        self.members.read().keys().cloned().collect()
    }

    /// One row.
    pub fn get(&self, object: &ObjectKey, member: &str) -> Result<Option<Row>, Error> {
        Ok(self.member(member)?.read().get(object))
    }

    /// Changes one row, which begins empty and ceases to be when it is empty afterwards. The edit runs under the
    /// member's lock: it should change fields and do nothing else.
    pub fn upsert<R>(
        &self,
        object: &ObjectKey,
        member: &str,
        edit: impl FnOnce(&mut Row) -> R,
    ) -> Result<R, Error> {
        let shared = self.member(member)?;
        let mut rows = shared.write();
        let before = rows.get(object);
        let mut row = before.unwrap_or_default();
        let result = edit(&mut row);
        rows.replace(object, before, row);
        Ok(result)
    }

    /// All rows of an object, by member.
    #[must_use]
    pub fn rows_of_object(&self, object: &ObjectKey) -> Vec<(Arc<str>, Row)> {
        let members: Vec<_> = self.members.read().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        members.into_iter().filter_map(|(name, rows)| Some((name, rows.read().get(object)?))).collect()
    }

    /// Rows of a member in the order of their keys, at most `limit` (and at least one) at a time.
    pub fn rows_of_member(
        &self,
        member: &str,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Chunk, Error> {
        self.chunk(member, cursor, limit, MemberRows::after)
    }

    /// As [`Self::rows_of_member`], but only rows whose state is not `InStep`.
    pub fn out_of_step(&self, member: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Chunk, Error> {
        self.chunk(member, cursor, limit, MemberRows::out_of_step_after)
    }

    /// How many rows a member has in each state.
    pub fn counts(&self, member: &str) -> Result<Counts, Error> {
        Ok(self.member(member)?.read().counts())
    }

    /// How many rows there are in each state.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        for rows in self.members.read().values() {
            totals += rows.read().counts();
        }
        totals
    }

    fn chunk(
        &self,
        member: &str,
        cursor: Option<&Cursor>,
        limit: usize,
        walk: impl FnOnce(&MemberRows, Option<&ObjectKey>, usize) -> Vec<(ObjectKey, Row)>,
    ) -> Result<Chunk, Error> {
        let after = cursor.map(|cursor| cursor.resume(self.id, member)).transpose()?;
        let limit = limit.max(1);
        let rows = walk(&self.member(member)?.read(), after, limit);
        let last = rows.last().filter(|_| rows.len() == limit);
        let next = last.map(|(key, _)| Cursor::new(self.id, member.into(), key.clone()));
        Ok(Chunk { rows, next })
    }

    fn member(&self, member: &str) -> Result<Shared, Error> {
        self.members.read().get(member).cloned().ok_or_else(|| Error::UnknownMember(member.into()))
    }
}
