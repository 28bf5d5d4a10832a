//! Where the pages are: a tree of fixed width. It never moves a page and never copies itself to grow.
//!
//! ```text
//! index  31..24   23..14        13..6       5..0
//!        zero     branch        page        place on the page
//! ```
//!
//! Branches stay once they are there (6 KiB for 16,384 objects); pages come and go. Whoever is about to make or free
//! a page holds the lock on [`crate::indices::Indices`], so that a page is never freed under an object being born.

use std::sync::OnceLock;

use crate::{
    bounds::{BRANCH, PAGES},
    growth::Work,
    page::Page,
    sync::{AtomicU64, Ordering, RwLock, held},
};

type Branch = Box<[RwLock<Option<Box<Page>>>]>;

/// The pages, by number.
#[derive(Debug)]
pub(crate) struct Directory {
    branches: Box<[OnceLock<Branch>]>,
    pages: AtomicU64,
}

impl Default for Directory {
    fn default() -> Self {
        let branches = (0..PAGES as usize / BRANCH).map(|_| OnceLock::new()).collect();
        Self { branches, pages: AtomicU64::new(0) }
    }
}

impl Directory {
    /// How many pages there are.
    pub(crate) fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    /// The lock around a page, which is there or not.
    pub(crate) fn page(&self, page: u32) -> Option<&RwLock<Option<Box<Page>>>> {
        let branch = self.branches.get(page as usize / BRANCH)?.get()?;
        Some(&branch[page as usize % BRANCH])
    }

    /// Makes a page, if it is not there.
    pub(crate) fn make(&self, page: u32) -> Work {
        let mut work = Work::NONE;
        let branch = self.branches[page as usize / BRANCH].get_or_init(|| {
            let bytes = BRANCH * size_of::<RwLock<Option<Box<Page>>>>();
            let mut branch = None;
            work = Work::of_bytes(bytes, 0)
                .seen("branch", || branch = Some((0..BRANCH).map(|_| RwLock::default()).collect()));
            branch.unwrap_or_default()
        });
        let mut page = held(branch[page as usize % BRANCH].write());
        if page.is_some() {
            return work;
        }
        self.pages.fetch_add(1, Ordering::Relaxed);
        let growth =
            Work::of_bytes(size_of::<Page>(), 0).seen("page", || *page = Some(Box::new(Page::new())));
        work.and(growth)
    }

    /// Gives a page back.
    pub(crate) fn free(&self, page: u32) -> Work {
        let page = self.page(page).and_then(|page| held(page.write()).take());
        let Some(page) = page else { return Work::NONE };
        self.pages.fetch_sub(1, Ordering::Relaxed);
        Work::of_bytes(0, size_of::<Page>()).seen("free", || drop(page))
    }
}
