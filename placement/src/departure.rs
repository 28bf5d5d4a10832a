//! Getting rid of rows, a step at a time: a member that leaves, a map that is cleared or dropped.

use std::{ops::ControlFlow, sync::Arc, thread};

use crate::{
    Error, ObjectId, ObjectKey, Row, bounds::ROWS_A_STEP, growth::Work, members::Members, object::Object,
    store::Store, sync::Ordering::Relaxed,
};

/// Objects that lost their last row: they cease when no lock is held.
type Bare = Vec<(ObjectKey, ObjectId)>;

/// Forgets at most `limit` rows of a member and tells how many are left.
pub(crate) fn leave(store: &Store, name: &str, limit: usize) -> Result<usize, Error> {
    let index = store.members.begin_leaving(name)?;
    let Some(tally) = store.members.tally(index) else { return Ok(0) };
    let (mut forgotten, mut bare) = (0, Bare::new());
    let next = store.walk(tally.leaving_at.load(Relaxed), false, |at, object| {
        if store.members.is_gone(index) && object.get(index as usize).is_some() {
            forget_row(store, object, index);
            note_bare(&mut bare, at, object);
            forgotten += 1;
        }
        if forgotten < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    tally.leaving_at.store(next.unwrap_or(0), Relaxed);
    bury(store, bare);
    let left = tally.counts().total();
    if left == 0 {
        store.members.end_leaving(name);
    }
    Ok(left)
}

/// Forgets at most `limit` rows, and those of one object more, and tells how many objects are left.
pub(crate) fn clear(store: &Store, limit: usize) -> usize {
    let (mut forgotten, mut bare) = (0, Bare::new());
    let next = store.walk(store.clearing_at.load(Relaxed), false, |at, object| {
        forgotten += forget_rows(store, object) + 1;
        note_bare(&mut bare, at, object);
        if forgotten < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    store.clearing_at.store(next.unwrap_or(0), Relaxed);
    bury(store, bare);
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

fn forget_row(store: &Store, object: &mut Object, member: u32) {
    let edited = object.put(member as usize, Row::default(), store.members.in_group_of(member));
    turn(&store.members, member, edited.before);
    store.meter.record(edited.work);
}

/// Takes all rows from an object and tells how many there were.
fn forget_rows(store: &Store, object: &mut Object) -> usize {
    let mut rows = 0;
    for (member, row) in object.rows() {
        rows += 1;
        turn(&store.members, u32::try_from(member).unwrap_or(u32::MAX), Some(row.state()));
    }
    let work: Work = object.forget_rows();
    store.meter.record(work);
    rows
}

fn turn(members: &Members, member: u32, before: Option<crate::State>) {
    if let Some(tally) = members.tally(member) {
        tally.turn(before, None);
    }
}

fn note_bare(bare: &mut Bare, at: u32, object: &Object) {
    if object.is_bare() {
        bare.extend(object.key().map(|key| (key.clone(), ObjectId { index: at, birth: object.birth() })));
    }
}

fn bury(store: &Store, bare: Bare) {
    for (key, id) in bare {
        store.bury(&key, id);
    }
}
