//! The members: who is here, and how many rows of which state each has.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use crate::{
    Counts, Error, MemberId, State,
    block::GROUP,
    bounds::MEMBERS,
    id::birth,
    sync::{AtomicU32, AtomicU64, Ordering, RwLock, held},
};

/// Everything about members but their rows.
#[derive(Debug, Default)]
pub(crate) struct Members {
    registry: RwLock<Registry>,
    groups: [OnceLock<Box<Group>>; MEMBERS / GROUP],
}

/// Who is called what. It changes when a member joins or leaves; rows never touch it.
#[derive(Debug, Default)]
struct Registry {
    by_name: BTreeMap<Arc<str>, Standing>,
    by_index: BTreeMap<u32, Arc<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    id: MemberId,
    leaves: bool,
}

/// Members whose rows share blocks.
#[derive(Debug)]
struct Group {
    joined: AtomicU64,
    tallies: [Tally; GROUP],
}

/// What is counted of one member.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The life that may have rows now; none while the member leaves.
    birth: AtomicU32,
    rows: [AtomicU64; State::ALL.len()],
    /// Where forgetting its rows goes on.
    pub(crate) leaving_at: AtomicU32,
}

impl Members {
    pub(crate) fn join(&self, name: &str) -> Result<MemberId, Error> {
        let mut registry = held(self.registry.write());
        if let Some(standing) = registry.by_name.get(name).filter(|standing| !standing.leaves) {
            return Ok(standing.id);
        }
        let index = registry.place_of(name).ok_or(Error::TooManyMembers)?;
        let id = MemberId { index, birth: birth() };
        let name: Arc<str> = name.into();
        registry.by_name.insert(name.clone(), Standing { id, leaves: false });
        registry.by_index.insert(index, name);
        let group = self.groups[index as usize / GROUP].get_or_init(Box::default);
        group.joined.fetch_or(bit(index), Ordering::Relaxed);
        let tally = &group.tallies[index as usize % GROUP];
        tally.leaving_at.store(0, Ordering::Relaxed);
        tally.birth.store(id.birth, Ordering::Release);
        Ok(id)
    }

    /// From now on nobody writes a row of this member; tells where its rows are. Asked again, it says the same.
    pub(crate) fn begin_leaving(&self, name: &str) -> Result<u32, Error> {
        let mut registry = held(self.registry.write());
        let Some(standing) = registry.by_name.get_mut(name) else { return Err(unknown(name)) };
        standing.leaves = true;
        let index = standing.id.index;
        if let Some(group) = self.groups[index as usize / GROUP].get() {
            group.joined.fetch_and(!bit(index), Ordering::Relaxed);
            group.tallies[index as usize % GROUP].birth.store(0, Ordering::Release);
        }
        Ok(index)
    }

    /// Forgets a member that leaves, if it has no row left and did not come back.
    pub(crate) fn end_leaving(&self, name: &str) {
        let mut registry = held(self.registry.write());
        let Some(standing) = registry.by_name.get(name).copied() else { return };
        let empty = self.tally(standing.id.index).is_none_or(|tally| tally.counts().total() == 0);
        if standing.leaves && empty {
            registry.by_name.remove(name);
            registry.by_index.remove(&standing.id.index);
        }
    }

    pub(crate) fn id(&self, name: &str) -> Result<MemberId, Error> {
        let registry = held(self.registry.read());
        let standing = registry.by_name.get(name).filter(|standing| !standing.leaves);
        standing.map(|standing| standing.id).ok_or_else(|| unknown(name))
    }

    /// Those that are here and do not leave, by name.
    pub(crate) fn here(&self) -> Vec<(Arc<str>, MemberId)> {
        let registry = held(self.registry.read());
        let mut here = Vec::with_capacity(registry.by_name.len());
        here.extend(registry.by_name.iter().filter(|(_, s)| !s.leaves).map(|(name, s)| (name.clone(), s.id)));
        here
    }

    /// Whether the id is of a member that is here. Asked under an object's lock, the answer holds until the lock is
    /// given back as far as that object is concerned: who leaves visits every object afterwards.
    pub(crate) fn is_here(&self, id: MemberId) -> bool {
        self.tally(id.index).is_some_and(|tally| tally.birth.load(Ordering::Acquire) == id.birth)
    }

    /// Whether no member with this number is here.
    pub(crate) fn is_gone(&self, index: u32) -> bool {
        self.tally(index).is_none_or(|tally| tally.birth.load(Ordering::Acquire) == 0)
    }

    /// How many members have their rows in the same block.
    pub(crate) fn in_group_of(&self, index: u32) -> usize {
        let group = self.groups[index as usize / GROUP].get();
        group.map_or(0, |group| group.joined.load(Ordering::Relaxed).count_ones() as usize)
    }

    pub(crate) fn tally(&self, index: u32) -> Option<&Tally> {
        let group = self.groups.get(index as usize / GROUP)?.get()?;
        Some(&group.tallies[index as usize % GROUP])
    }

    /// Rows by state, of those too who leave.
    pub(crate) fn totals(&self) -> Counts {
        let groups = self.groups.iter().filter_map(OnceLock::get);
        let mut totals = Counts::default();
        groups.flat_map(|group| &group.tallies).for_each(|tally| totals += tally.counts());
        totals
    }
}

impl Registry {
    /// The number that a member of this name has, or the lowest that is free.
    fn place_of(&self, name: &str) -> Option<u32> {
        if let Some(standing) = self.by_name.get(name) {
            return Some(standing.id.index);
        }
        (0..).take(MEMBERS).find(|index| !self.by_index.contains_key(index))
    }
}

impl Default for Group {
    fn default() -> Self {
        Self { joined: AtomicU64::new(0), tallies: std::array::from_fn(|_| Tally::default()) }
    }
}

impl Tally {
    /// A row went from one state to another.
    pub(crate) fn turn(&self, before: Option<State>, after: Option<State>) {
        if before == after {
            return;
        }
        if let Some(state) = after {
            self.rows[state as usize].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(state) = before {
            self.rows[state as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts::of_each(|state| self.rows[state as usize].load(Ordering::Relaxed))
    }
}

fn bit(index: u32) -> u64 {
    1 << (index as usize % GROUP)
}

fn unknown(name: &str) -> Error {
    Error::UnknownMember(name.into())
}
