//! One object: its name, and its rows in blocks of 64 members.

use crate::{
    ObjectKey, Row, State,
    block::{Block, GROUP},
    growth::Work,
};

/// A place for an object, with one in it or not. Most federations have fewer than 64 members, so the first block is
/// at home here and the others hang on it.
#[derive(Debug, Default)]
pub(crate) struct Object {
    birth: u32,
    astray: u16,
    key: Option<ObjectKey>,
    first: Block,
    more: Option<Box<More>>,
}

/// The blocks of the members after the first 64, in a chain: 15 at most.
#[derive(Debug, Default)]
struct More {
    block: Block,
    next: Option<Box<More>>,
}

/// What an edit did to a row and to its object.
pub(crate) struct Edited {
    pub(crate) before: Option<State>,
    pub(crate) after: Option<State>,
    pub(crate) work: Work,
}

impl Object {
    pub(crate) fn is_born(&mut self, key: ObjectKey, birth: u32) {
        (self.key, self.birth) = (Some(key), birth);
    }

    /// The object ceases; the place is free.
    pub(crate) fn ceases(&mut self) -> Option<ObjectKey> {
        self.birth = 0;
        self.key.take()
    }

    pub(crate) fn birth(&self) -> u32 {
        self.birth
    }

    pub(crate) fn key(&self) -> Option<&ObjectKey> {
        self.key.as_ref()
    }

    /// Whether the object is here and has no rows.
    pub(crate) fn is_bare(&self) -> bool {
        self.birth != 0 && self.blocks().all(Block::is_empty)
    }

    /// Whether any row is out of step.
    pub(crate) fn is_astray(&self) -> bool {
        self.astray != 0
    }

    pub(crate) fn get(&self, member: usize) -> Option<Row> {
        self.blocks().nth(member / GROUP)?.get(member % GROUP)
    }

    /// Puts a row in its place, or takes it away if it says nothing; `members` is how many its group has.
    pub(crate) fn put(&mut self, member: usize, row: Row, members: usize) -> Edited {
        let before = self.get(member).map(|row| row.state());
        let after = (!row.is_empty()).then(|| row.state());
        if before.is_none() && after.is_none() {
            return Edited { before, after, work: Work::NONE };
        }
        self.astray += u16::from(is_astray(after));
        self.astray -= u16::from(is_astray(before));
        let (block, chained) = self.block(member / GROUP);
        let work = block.put(member % GROUP, row, members).and(chained);
        let trimmed = if after.is_none() { self.trim() } else { Work::NONE };
        Edited { before, after, work: work.and(trimmed) }
    }

    /// The rows, by member number.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &Row)> {
        let numbered = self.blocks().enumerate();
        numbered
            .flat_map(|(group, block)| block.iter().map(move |(member, row)| (group * GROUP + member, row)))
    }

    /// Takes every row away.
    pub(crate) fn forget_rows(&mut self) -> Work {
        let resized = self.blocks().filter(|block| block.capacity() > 0);
        let work = resized.fold(Work::NONE, |work, block| work.and(Work::resizing(block.capacity(), 0)));
        let links = self.blocks().count() - 1;
        let work = work.and(Work::holding(0, links * size_of::<More>()));
        if work == Work::NONE {
            return work;
        }
        work.seen("clear", || {
            (self.first, self.more, self.astray) = (Block::default(), None, 0);
        });
        work
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        let chain = std::iter::successors(self.more.as_deref(), |more| more.next.as_deref());
        std::iter::once(&self.first).chain(chain.map(|more| &more.block))
    }

    /// The block of a group, with the blocks before it.
    fn block(&mut self, group: usize) -> (&mut Block, Work) {
        let mut work = Work::NONE;
        let mut block = &mut self.first;
        let mut chain = &mut self.more;
        for _ in 0..group {
            let more = chain.get_or_insert_with(|| {
                work = work.and(Work::of_bytes(size_of::<More>(), 0));
                Box::default()
            });
            (block, chain) = (&mut more.block, &mut more.next);
        }
        (block, work)
    }

    /// Gives the chain back when nothing is left in it.
    fn trim(&mut self) -> Work {
        if self.more.is_none() || self.blocks().skip(1).any(|block| !block.is_empty()) {
            return Work::NONE;
        }
        let links = self.blocks().count() - 1;
        self.more = None;
        Work::of_bytes(0, links * size_of::<More>())
    }
}

fn is_astray(state: Option<State>) -> bool {
    state.is_some_and(|state| state != State::InStep)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place on a page has a lock's 8 bytes beside it, and 64 in all.
    #[test]
    fn fits_a_cache_line_with_its_lock() {
        assert_eq!(size_of::<Object>(), 56);
    }
}
