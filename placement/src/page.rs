//! Places for 64 objects, each behind its own lock.

use crate::{
    object::Object,
    sync::{AtomicU64, Mutex, Ordering, held},
};

/// Objects on a page.
pub(crate) const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 6;

/// The page that the object with this index is on.
pub(crate) fn page_of(index: u32) -> u32 {
    index >> PAGE_BITS
}

/// Its place there.
pub(crate) fn place_of(index: u32) -> usize {
    index as usize % PAGE
}

/// The index of the first object on a page.
pub(crate) fn first_on(page: u32) -> u32 {
    page << PAGE_BITS
}

/// A lock and its object: one line of the processor's cache, which is all that finding a row reads beside the row.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place(Mutex<Object>);

/// 64 objects next to each other, and which of them have a row out of step.
#[derive(Debug)]
pub(crate) struct Page {
    places: [Place; PAGE],
    astray: AtomicU64,
}

impl Default for Page {
    fn default() -> Self {
        Self { places: std::array::from_fn(|_| Place::default()), astray: AtomicU64::new(0) }
    }
}

impl Page {
    /// Does something with one object while nobody else does.
    pub(crate) fn with<R>(&self, place: usize, act: impl FnOnce(&mut Object) -> R) -> R {
        let mut object = held(self.places[place].0.lock());
        act(&mut object)
    }

    /// As [`Self::with`], and keeps note of whether the object is out of step afterwards.
    pub(crate) fn edit<R>(&self, place: usize, act: impl FnOnce(&mut Object) -> R) -> R {
        let mut object = held(self.places[place].0.lock());
        let result = act(&mut object);
        let bit = 1 << place;
        if object.is_astray() == self.may_be_astray(place) {
            return result;
        }
        self.astray.fetch_xor(bit, Ordering::Relaxed); // only under the object's lock: nobody else changes this bit
        result
    }

    /// Whether the object had a row out of step a moment ago.
    pub(crate) fn may_be_astray(&self, place: usize) -> bool {
        self.astray.load(Ordering::Relaxed) >> place & 1 == 1
    }

    /// Whether any object had.
    pub(crate) fn any_astray(&self) -> bool {
        self.astray.load(Ordering::Relaxed) != 0
    }
}
