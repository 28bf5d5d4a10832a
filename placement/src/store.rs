//! Names, places, rows and members put together: what every operation of the map is made of.
//!
//! Locks are taken in this order, and none is ever held when the crate's caller goes on:
//!
//! ```text
//! a part of the names → the free places
//! a part of the names → an object
//! ```
//!
//! Who reads or writes a row by ids locks the object and nothing else, and waits only for whoever works on the same one.
//! A name is looked up under a shared lock, and waits for objects of its 64th of the names that are born or cease.

use std::ops::ControlFlow;

use crate::{
    Error, MemberId, ObjectId, ObjectKey, Row,
    bounds::OBJECTS_A_STEP,
    directory::Directory,
    growth::{Growth, Meter, Work},
    id::birth,
    indices::Indices,
    members::Members,
    names::Names,
    object::Object,
    page::{Page, first_on, page_of, place_of},
    sync::{AtomicU32, AtomicU64, Mutex, Ordering, held},
};

#[derive(Debug, Default)]
pub(crate) struct Store {
    names: Names,
    indices: Mutex<Indices>,
    directory: Directory,
    pub(crate) members: Members,
    pub(crate) meter: Meter,
    pub(crate) objects: AtomicU64,
    /// The first page that no object ever was on.
    end: AtomicU32,
    /// Where clearing goes on.
    pub(crate) clearing_at: AtomicU32,
}

/// What a name takes: itself, its reference count, and its part of a node.
pub(crate) const NAME: usize = 2 * size_of::<usize>() + 2 * size_of::<(ObjectKey, ObjectId)>();

impl Store {
    pub(crate) fn find(&self, key: &ObjectKey) -> Option<ObjectId> {
        self.names.find(key)
    }

    /// The object of this name, which begins to be if it was not, and what that took.
    pub(crate) fn intern(&self, key: &ObjectKey) -> Result<(ObjectId, Work), Error> {
        if let Some(id) = self.find(key) {
            return Ok((id, Work::NONE));
        }
        self.names.with(key, |names| {
            if let Some(id) = names.get(key) {
                return Ok((*id, Work::NONE));
            }
            let (index, work) = self.take_place()?;
            let id = ObjectId { index, birth: birth() };
            self.on_page(id, |page, place| page.with(place, |object| object.is_born(key.clone(), id.birth)));
            names.insert(key.clone(), id);
            self.objects.fetch_add(1, Ordering::Relaxed);
            Ok((id, work.and(Work::holding(NAME + key.text_len(), 0))))
        })
    }

    /// Looks at an object's page, if it is there.
    pub(crate) fn on_page<R>(&self, id: ObjectId, look: impl FnOnce(&Page, usize) -> R) -> Option<R> {
        Some(look(self.directory.page(page_of(id.index))?, place_of(id.index)))
    }

    /// Changes one row; `so_far` is what the operation has taken before. Refused, it gives the edit back, so that it
    /// can be tried again with a new id.
    pub(crate) fn edit<R, Edit: FnOnce(&mut Row) -> R>(
        &self,
        id: ObjectId,
        member: MemberId,
        so_far: Work,
        edit: Edit,
    ) -> Result<R, (Error, Edit)> {
        let (result, work, bare) = self.edit_in_place(id, member, edit)?;
        let freed = bare.map_or(Work::NONE, |key| self.bury(&key, id));
        self.meter.record(so_far.and(work).and(freed));
        Ok(result)
    }

    /// As [`Self::edit`]; an object that has no rows afterwards is still there, and its name is told.
    fn edit_in_place<R, Edit: FnOnce(&mut Row) -> R>(
        &self,
        id: ObjectId,
        member: MemberId,
        edit: Edit,
    ) -> Result<(R, Work, Option<ObjectKey>), (Error, Edit)> {
        let Some(page) = self.directory.page(page_of(id.index)) else {
            return Err((Error::StaleObject(id), edit));
        };
        page.edit(place_of(id.index), |object| {
            if object.birth() != id.birth {
                return Err((Error::StaleObject(id), edit));
            }
            let Some(tally) = self.members.tally(member.index).filter(|_| self.members.is_here(member))
            else {
                return Err((Error::StaleMember(member), edit));
            };
            let mut row = object.get(member.index as usize).unwrap_or_default();
            let result = edit(&mut row);
            let edited = object.put(member.index as usize, row, self.members.in_group_of(member.index));
            tally.turn(edited.before, edited.after);
            let bare = if object.is_bare() { object.key().cloned() } else { None };
            Ok((result, edited.work, bare))
        })
    }

    /// An object without rows ceases, unless it was given some again in the meantime; tells what that took. Not to be
    /// called with an object locked.
    pub(crate) fn bury(&self, key: &ObjectKey, id: ObjectId) -> Work {
        let ceased = self.names.with(key, |names| {
            let cease = |object: &mut Object| {
                (object.birth() == id.birth && object.is_bare()).then(|| object.ceases()).is_some()
            };
            let ceased = self.on_page(id, |page, place| page.with(place, cease)) == Some(true);
            if ceased {
                names.remove(key);
            }
            ceased
        });
        if !ceased {
            return Work::NONE;
        }
        self.objects.fetch_sub(1, Ordering::Relaxed);
        held(self.indices.lock()).give_back(id.index);
        Work::holding(0, NAME + key.text_len())
    }

    /// Looks at objects from a place on, those that may be out of step or all, until told to stop or a step's worth
    /// was seen. Tells where to go on, if there is anything left.
    pub(crate) fn walk(
        &self,
        from: u32,
        astray: bool,
        mut look: impl FnMut(u32, &mut Object) -> ControlFlow<()>,
    ) -> Option<u32> {
        let end = self.end.load(Ordering::SeqCst);
        let (mut at, mut seen) = (from, 0);
        while page_of(at) < end && seen < OBJECTS_A_STEP {
            seen += 1; // a page that is not there, or has nothing to see, is a place looked at
            let page = self.directory.page(page_of(at)).filter(|page| !astray || page.any_astray());
            let next_page = first_on(page_of(at) + 1);
            let Some(page) = page else {
                at = next_page;
                continue;
            };
            while at < next_page {
                let place = place_of(at);
                at += 1;
                if astray && !page.may_be_astray(place) {
                    continue;
                }
                seen += 1;
                if page.edit(place, |object| look(at - 1, object)).is_break() {
                    return Some(at);
                }
            }
        }
        (page_of(at) < end).then_some(at)
    }

    pub(crate) fn growth(&self) -> Growth {
        let rows = self.members.totals().total() as u64;
        Growth {
            objects: self.objects.load(Ordering::Relaxed),
            rows,
            segments: self.directory.pages(),
            ..self.meter.read()
        }
    }

    fn take_place(&self) -> Result<(u32, Work), Error> {
        let mut indices = held(self.indices.lock());
        let index = indices.take().ok_or(Error::TooManyObjects)?;
        let work = self.directory.make(page_of(index));
        self.end.store(indices.end(), Ordering::SeqCst);
        Ok((index, work))
    }
}
