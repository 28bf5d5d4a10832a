//! Getting rid of rows, a step at a time: a member that leaves, a map that is cleared or dropped.

use std::{ops::ControlFlow, sync::Arc};

use crate::{
    Error, ObjectId, ObjectKey, Row, State,
    bounds::{BYTES_A_STEP, ROWS_A_STEP, ROWS_MOVED, ROWS_MOVED_A_STEP},
    growth::Work,
    object::Object,
    store::{NAME, Store},
    sync::{Ordering::Relaxed, thread},
};

/// Forgets at most `limit` rows of a member and tells how many are left, at least one while it still leaves.
pub(crate) fn leave(store: &Store, name: &str, limit: usize) -> Result<usize, Error> {
    let leaver = store.members.begin_leaving(name)?;
    let index = leaver.id.index;
    let mut step = Step::new(store, limit);
    let next = store.walk(leaver.at, false, |at, object| {
        if store.members.is_gone(index) {
            step.forget_row(at, object, index);
        }
        step.goes_on()
    });
    step.end();
    if store.members.go_on_leaving(name, leaver, next) {
        return Ok(0);
    }
    Ok(store.members.tally(index).map_or(1, |tally| tally.counts().total().max(1)))
}

/// Forgets at most `limit` rows, and those of one object more, and tells how many objects are left.
pub(crate) fn clear(store: &Store, limit: usize) -> usize {
    let mut step = Step::new(store, limit);
    let next = store.walk(store.clearing_at.load(Relaxed), false, |at, object| {
        step.forget_rows(at, object);
        step.goes_on()
    });
    store.clearing_at.store(next.unwrap_or(0), Relaxed);
    step.end();
    usize::try_from(store.objects.load(Relaxed)).unwrap_or(usize::MAX)
}

/// Whether dropping it at once would be felt.
pub(crate) fn is_large(store: &Store) -> bool {
    store.growth().bytes > BYTES_A_STEP as u64
}

/// Takes apart what nobody can reach any more, on a thread of its own.
pub(crate) fn reap(store: Arc<Store>) {
    let reaper = thread::Builder::new().name("placement-reaper".into());
    // Without a thread to spare, the closure and with it the map is dropped here: late, but not lost.
    let _ = reaper.spawn(move || while clear(&store, ROWS_A_STEP) > 0 {});
}

/// One step: what it may still do, and the objects that lost their last row in it. They cease when no lock is held.
struct Step<'a> {
    store: &'a Store,
    rows: usize,
    work: Work,
    bare: Vec<(ObjectKey, ObjectId)>,
}

impl<'a> Step<'a> {
    fn new(store: &'a Store, rows: usize) -> Self {
        Self { store, rows, work: Work::NONE, bare: Vec::new() }
    }

    fn forget_row(&mut self, at: u32, object: &mut Object, member: u32) {
        if object.get(member as usize).is_none() {
            return;
        }
        let edited = object.put(member as usize, Row::default(), self.store.members.in_group_of(member));
        self.forgot(member, edited.before);
        self.work = self.work.and(edited.work);
        self.note_bare(at, object);
    }

    fn forget_rows(&mut self, at: u32, object: &mut Object) {
        for (member, row) in object.rows() {
            self.forgot(u32::try_from(member).unwrap_or(u32::MAX), Some(row.state()));
        }
        self.work = self.work.and(object.forget_rows());
        self.note_bare(at, object);
    }

    fn forgot(&mut self, member: u32, state: Option<State>) {
        self.rows = self.rows.saturating_sub(1);
        if let Some(tally) = self.store.members.tally(member) {
            tally.turn(state, None);
        }
    }

    fn note_bare(&mut self, at: u32, object: &Object) {
        let Some(key) = object.key().filter(|_| object.is_bare()) else { return };
        self.bare.push((key.clone(), ObjectId { index: at, birth: object.birth() }));
    }

    /// What the objects that cease will take is small, and counted as if each had a long name.
    fn goes_on(&self) -> ControlFlow<()> {
        let bytes = self.work.bytes() + self.bare.len() * (NAME + LONG_NAME);
        let moved = self.work.moved as usize + ROWS_MOVED <= ROWS_MOVED_A_STEP;
        if self.rows > 0 && bytes < BYTES_A_STEP && moved {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn end(self) {
        let Self { store, work, bare, .. } = self;
        let buried = bare.into_iter().map(|(key, id)| store.bury(&key, id));
        store.meter.record(buried.fold(work, Work::and));
    }
}

/// Bytes of a name, more than most have.
const LONG_NAME: usize = 160;
