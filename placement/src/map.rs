//! The map, as its callers see it.

use std::{
    mem,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64 as MapNumbers, Ordering::Relaxed},
    },
};

use crate::{
    Chunk, Counts, Cursor, Error, Growth, MemberId, ObjectId, ObjectKey, Row, bounds::ROWS_A_STEP, departure,
    growth::Work, members::Tally, store::Store,
};

/// Tells maps apart, so that a cursor of one is refused by another.
static NEXT_MAP: MapNumbers = MapNumbers::new(0);

/// What is desired, applied and observed of every object on every member. Shared by reference: who reads or writes
/// one object by its id does not wait for who reads or writes another.
#[derive(Debug)]
pub struct PlacementMap {
    id: u64,
    store: Arc<Store>,
}

impl Default for PlacementMap {
    fn default() -> Self {
        Self { id: NEXT_MAP.fetch_add(1, Relaxed), store: Arc::default() }
    }
}

impl Drop for PlacementMap {
    /// Gives the rows back behind the caller's back: dropping a large map stops nobody.
    fn drop(&mut self) {
        if departure::is_large(&self.store) {
            departure::reap(mem::take(&mut self.store));
        }
    }
}

impl PlacementMap {
    /// Makes a member known. Joining twice changes nothing; joining while it leaves keeps the rows that are left.
    pub fn join(&self, member: &str) -> Result<MemberId, Error> {
        self.store.members.join(member)
    }

    /// Forgets at most `limit` rows of a member that leaves (and never more than [`crate::bounds::ROWS_A_STEP`]) and
    /// tells how many are left, at least one until it is done; at none, the member is unknown. Nobody writes its rows
    /// from the first step on. The caller goes on until then, with others in between; a step can forget nothing and
    /// still be one.
    pub fn leave(&self, member: &str, limit: usize) -> Result<usize, Error> {
        departure::leave(&self.store, member, limit.clamp(1, ROWS_A_STEP))
    }

    /// Forgets at most `limit` rows (and those of one object more), whoever has them, and tells how many objects are
    /// left; the caller goes on until none are.
    #[must_use = "rows may be left: go on until no object is"]
    pub fn clear(&self, limit: usize) -> usize {
        departure::clear(&self.store, limit.clamp(1, ROWS_A_STEP))
    }

    /// The members, by name.
    #[must_use]
    pub fn members(&self) -> Vec<Arc<str>> {
        self.store.members.here().into_iter().map(|(name, _)| name).collect()
    }

    /// What the map calls a member by.
    pub fn member(&self, name: &str) -> Result<MemberId, Error> {
        self.store.members.id(name)
    }

    /// What the map calls an object by; the object begins to be if it was not. It lasts until its last row is gone.
    pub fn intern(&self, object: &ObjectKey) -> Result<ObjectId, Error> {
        let (id, work) = self.store.intern(object)?;
        self.store.meter.record(work);
        Ok(id)
    }

    /// What the map calls an object by, if it knows it.
    #[must_use]
    pub fn find(&self, object: &ObjectKey) -> Option<ObjectId> {
        self.store.find(object)
    }

    /// One row, by name.
    pub fn get(&self, object: &ObjectKey, name: &str) -> Result<Option<Row>, Error> {
        let member = self.member(name)?;
        match self.find(object).map(|object| self.row(object, member)) {
            None | Some(Err(Error::StaleObject(_))) => Ok(None),
            Some(row) => row.map_err(|error| named(error, name)),
        }
    }

    /// Changes one row, by name. The row begins empty and ceases to be when it is empty afterwards. The edit runs
    /// under the object's lock: it should change fields and do nothing else.
    pub fn upsert<R>(
        &self,
        object: &ObjectKey,
        name: &str,
        mut edit: impl FnOnce(&mut Row) -> R,
    ) -> Result<R, Error> {
        let member = self.member(name)?;
        let mut work = Work::NONE;
        loop {
            let (id, born) = self.store.intern(object)?;
            let _tidy = Tidy { store: &self.store, object, id };
            work = work.and(born);
            match self.store.edit(id, member, work, edit) {
                Ok(result) => return Ok(result),
                Err((Error::StaleObject(_), back)) => edit = back, // it lost its last row just now: begin again
                Err((error, _)) => {
                    // The member left just now, and the object may be here for its row only.
                    self.store.meter.record(work.and(self.store.bury(object, id)));
                    return Err(named(error, name));
                }
            }
        }
    }

    /// One row.
    pub fn row(&self, object: ObjectId, member: MemberId) -> Result<Option<Row>, Error> {
        let row = self.store.on_page(object, |page, place| {
            page.with(place, |o| {
                if o.birth() != object.birth {
                    return Err(Error::StaleObject(object));
                }
                if !self.store.members.is_here(member) {
                    return Err(Error::StaleMember(member));
                }
                Ok(o.get(member.index as usize))
            })
        });
        row.unwrap_or(Err(Error::StaleObject(object)))
    }

    /// Changes one row, as [`Self::upsert`] does.
    pub fn edit<R>(
        &self,
        object: ObjectId,
        member: MemberId,
        edit: impl FnOnce(&mut Row) -> R,
    ) -> Result<R, Error> {
        self.store.edit(object, member, Work::NONE, edit).map_err(|(error, _)| error)
    }

    /// All rows of an object, by member.
    #[must_use]
    pub fn rows_of_object(&self, object: &ObjectKey) -> Vec<(Arc<str>, Row)> {
        let Some(id) = self.find(object) else { return Vec::new() };
        let here = self.store.members.here();
        let mut rows = Vec::with_capacity(here.len());
        self.store.on_page(id, |page, place| {
            page.with(place, |o| {
                let is_here = |member| o.birth() == id.birth && self.store.members.is_here(member);
                let known = here.into_iter().filter(|(_, member)| is_here(*member));
                rows.extend(known.filter_map(|(name, member)| Some((name, o.get(member.index as usize)?))));
            });
        });
        rows
    }

    /// Rows of a member, at most `limit` (and never more than [`crate::bounds::ROWS_A_STEP`]) at a time.
    pub fn rows_of_member(
        &self,
        member: &str,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Chunk, Error> {
        self.chunk(member, cursor, limit, false)
    }

    /// As [`Self::rows_of_member`], but only rows whose state is not `InStep`.
    pub fn out_of_step(&self, member: &str, cursor: Option<&Cursor>, limit: usize) -> Result<Chunk, Error> {
        self.chunk(member, cursor, limit, true)
    }

    /// How many rows a member has in each state.
    pub fn counts(&self, member: &str) -> Result<Counts, Error> {
        let id = self.member(member)?;
        Ok(self.store.members.tally(id.index).map(Tally::counts).unwrap_or_default())
    }

    /// How many rows there are in each state.
    #[must_use]
    pub fn totals(&self) -> Counts {
        self.store.members.totals()
    }

    /// What growing has cost so far, and what the map holds.
    #[must_use]
    pub fn growth(&self) -> Growth {
        self.store.growth()
    }

    fn chunk(&self, name: &str, cursor: Option<&Cursor>, limit: usize, astray: bool) -> Result<Chunk, Error> {
        let member = self.member(name)?;
        let from = cursor.map_or(Ok(0), |cursor| cursor.resume(self.id, name, member))?;
        let limit = limit.clamp(1, ROWS_A_STEP);
        let mut rows = Vec::new();
        let next = self.store.walk(from, astray, |_, object| {
            let is_here = self.store.members.is_here(member);
            let row = object
                .get(member.index as usize)
                .filter(|row| is_here && (!astray || row.state() != crate::State::InStep));
            rows.extend(object.key().cloned().zip(row));
            if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        Ok(Chunk { rows, next: next.map(|at| Cursor::new(self.id, name.into(), member, at)) })
    }
}

/// Sees to it that an object does not stay without rows when the edit of its first one panics.
struct Tidy<'a> {
    store: &'a Store,
    object: &'a ObjectKey,
    id: ObjectId,
}

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.store.bury(self.object, self.id);
        }
    }
}

/// What went wrong, in the words of a caller who gave a name.
fn named(error: Error, name: &str) -> Error {
    if matches!(error, Error::StaleMember(_)) { Error::UnknownMember(name.into()) } else { error }
}
