//! Which places are free.

use std::collections::BTreeMap;

use crate::{
    bounds::PAGES,
    page::{first_on, page_of, place_of},
};

/// Gives out places, the lowest free one first, so that objects stay close together. Pages that are full take no room here.
#[derive(Debug, Default)]
pub(crate) struct Indices {
    /// Free places of pages that were begun, a bit each.
    open: BTreeMap<u32, u64>,
    /// The first page that was never begun.
    fresh: u32,
}

impl Indices {
    /// A free place, unless all are taken.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let (page, free) = match self.open.first_entry() {
            Some(mut first) => {
                let free = *first.get();
                *first.get_mut() &= free - 1; // without its lowest bit
                let page = *first.key();
                if free.is_power_of_two() {
                    first.remove();
                }
                (page, free)
            }
            None if self.fresh < PAGES => {
                self.fresh += 1;
                self.open.insert(self.fresh - 1, !1);
                (self.fresh - 1, 1)
            }
            None => return None,
        };
        Some(first_on(page) + free.trailing_zeros())
    }

    /// Takes a place back.
    pub(crate) fn give_back(&mut self, index: u32) {
        *self.open.entry(page_of(index)).or_default() |= 1 << place_of(index);
    }

    /// The first page number that no object ever had.
    pub(crate) fn end(&self) -> u32 {
        self.fresh
    }
}
