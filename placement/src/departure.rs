//! Getting rid of rows, a step at a time: a member that leaves, a map that is cleared or dropped.

use std::{ops::ControlFlow, sync::Arc};

use crate::{
    Error, ObjectId, ObjectKey, Row, State,
    bounds::{BYTES_A_STEP, ROWS_A_STEP},
    growth::Work,
    object::Object,
    store::{NAME, Store},
    sync::{Ordering::Relaxed, thread},
};

/// Forgets at most `limit` rows of a member and tells how many are left.
pub(crate) fn leave(store: &Store, name: &str, limit: usize) -> Result<usize, Error> {
    let index = store.members.begin_leaving(name)?;
    let Some(tally) = store.members.tally(index) else { return Ok(0) };
    let mut step = Step::new(store, limit);
    let next = store.walk(tally.leaving_at.load(Relaxed), false, |at, object| {
        if store.members.is_gone(index) {
            step.forget_row(at, object, index);
        }
        step.goes_on()
    });
    tally.leaving_at.store(next.unwrap_or(0), Relaxed);
    step.end();
    let left = tally.counts().total();
    if left == 0 {
        store.members.end_leaving(name);
    }
    Ok(left)
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

/// Clears what nobody can reach any more, on a thread of its own if there is anything to clear.
pub(crate) fn reap(store: &Arc<Store>) {
    if store.objects.load(Relaxed) == 0 {
        return;
    }
    let store = Arc::clone(store);
    let reaper = thread::Builder::new().name("placement-reaper".into());
    // Without a thread to spare, the closure and with it the map is dropped here: late, but not lost.
    let _ = reaper.spawn(move || while clear(&store, ROWS_A_STEP) > 0 {});
}

/// One step: what it may still do, and the objects that lost their last row in it. They cease when no lock is held.
struct Step<'a> {
    store: &'a Store,
    rows: usize,
    bytes: usize,
    bare: Vec<(ObjectKey, ObjectId)>,
}

impl<'a> Step<'a> {
    fn new(store: &'a Store, rows: usize) -> Self {
        Self { store, rows, bytes: BYTES_A_STEP, bare: Vec::new() }
    }

    fn forget_row(&mut self, at: u32, object: &mut Object, member: u32) {
        if object.get(member as usize).is_none() {
            return;
        }
        let edited = object.put(member as usize, Row::default(), self.store.members.in_group_of(member));
        self.forgot(member, edited.before);
        self.did(edited.work);
        self.note_bare(at, object);
    }

    fn forget_rows(&mut self, at: u32, object: &mut Object) {
        for (member, row) in object.rows() {
            self.forgot(u32::try_from(member).unwrap_or(u32::MAX), Some(row.state()));
        }
        self.did(object.forget_rows());
        self.note_bare(at, object);
    }

    fn forgot(&mut self, member: u32, state: Option<State>) {
        self.rows = self.rows.saturating_sub(1);
        if let Some(tally) = self.store.members.tally(member) {
            tally.turn(state, None);
        }
    }

    fn did(&mut self, work: Work) {
        self.store.meter.record(work);
        self.bytes = self.bytes.saturating_sub(work.bytes());
    }

    fn note_bare(&mut self, at: u32, object: &Object) {
        let Some(key) = object.key().filter(|_| object.is_bare()) else { return };
        self.bytes = self.bytes.saturating_sub(2 * NAME + key.text_len());
        self.bare.push((key.clone(), ObjectId { index: at, birth: object.birth() }));
    }

    fn goes_on(&self) -> ControlFlow<()> {
        if self.rows > 0 && self.bytes > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn end(self) {
        for (key, id) in self.bare {
            self.store.bury(&key, id);
        }
    }
}
