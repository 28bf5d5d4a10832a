//! The members: who is here, and how many rows of which state each has.

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// Who is called what. It changes when a member joins or leaves; a row that is asked for by name is looked up here.
#[derive(Debug, Default)]
struct Registry {
    by_name: BTreeMap<Arc<str>, Standing>,
    /// The numbers that are taken.
    taken: BTreeSet<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    id: MemberId,
    /// While it leaves: where forgetting its rows goes on.
    leaving_at: Option<u32>,
}

/// A member that leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaver {
    pub(crate) id: MemberId,
    pub(crate) at: u32,
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
}

impl Members {
    pub(crate) fn join(&self, name: &str) -> Result<MemberId, Error> {
        let mut registry = held(self.registry.write());
        if let Some(standing) = registry.by_name.get(name).filter(|standing| standing.is_here()) {
            return Ok(standing.id);
        }
        let index = registry.place_of(name).ok_or(Error::TooManyMembers)?;
        let id = MemberId { index, birth: birth() };
        registry.by_name.insert(name.into(), Standing { id, leaving_at: None });
        registry.taken.insert(index);
        let group = self.groups[index as usize / GROUP].get_or_init(Box::default);
        group.joined.fetch_or(bit(index), Ordering::Relaxed);
        let tally = &group.tallies[index as usize % GROUP];
        tally.birth.store(id.birth, Ordering::SeqCst);
        Ok(id)
    }

    /// From now on nobody writes a row of this member; tells where its rows are, and where to go on. It is gone
    /// only after every place was visited once from here on: a writer may still be at work.
    pub(crate) fn begin_leaving(&self, name: &str) -> Result<Leaver, Error> {
        if let Some(Standing { id, leaving_at: Some(at) }) =
            held(self.registry.read()).by_name.get(name).copied()
        {
            return Ok(Leaver { id, at });
        }
        let mut registry = held(self.registry.write());
        let Some(standing) = registry.by_name.get_mut(name) else { return Err(unknown(name)) };
        let (id, at) = (standing.id, *standing.leaving_at.get_or_insert(0));
        if let Some(group) = self.groups[id.index as usize / GROUP].get() {
            group.joined.fetch_and(!bit(id.index), Ordering::Relaxed);
            group.tallies[id.index as usize % GROUP].birth.store(0, Ordering::SeqCst);
        }
        Ok(Leaver { id, at })
    }

    /// Notes how far a member that leaves has got: where to go on, or that every place was visited. Then the member
    /// is forgotten. Tells whether it is; if it came back in the meantime, that does not concern this leave.
    pub(crate) fn go_on_leaving(&self, name: &str, leaver: Leaver, next: Option<u32>) -> bool {
        let mut registry = held(self.registry.write());
        let standing = registry.by_name.get_mut(name);
        let standing = standing.filter(|standing| standing.id == leaver.id && !standing.is_here());
        match (standing, next) {
            (None, _) => return true,
            (Some(standing), Some(next)) => standing.leaving_at = standing.leaving_at.max(Some(next)),
            (Some(_), None) => {
                registry.by_name.remove(name);
                registry.taken.remove(&leaver.id.index);
            }
        }
        next.is_none()
    }

    pub(crate) fn id(&self, name: &str) -> Result<MemberId, Error> {
        let registry = held(self.registry.read());
        let standing = registry.by_name.get(name).filter(|standing| standing.is_here());
        standing.map(|standing| standing.id).ok_or_else(|| unknown(name))
    }

    /// Those that are here and do not leave, by name.
    pub(crate) fn here(&self) -> Vec<(Arc<str>, MemberId)> {
        let registry = held(self.registry.read());
        let mut here = Vec::with_capacity(registry.by_name.len());
        here.extend(
            registry.by_name.iter().filter(|(_, s)| s.is_here()).map(|(name, s)| (name.clone(), s.id)),
        );
        here
    }

    /// Whether the id is of a member that is here. Asked under an object's lock, the answer holds until the lock is
    /// given back as far as that object is concerned: who leaves visits every object afterwards, those included that
    /// are born meanwhile (here and where objects are born, orders are sequentially consistent for that).
    pub(crate) fn is_here(&self, id: MemberId) -> bool {
        self.tally(id.index).is_some_and(|tally| tally.birth.load(Ordering::SeqCst) == id.birth)
    }

    /// Whether no member with this number is here.
    pub(crate) fn is_gone(&self, index: u32) -> bool {
        self.tally(index).is_none_or(|tally| tally.birth.load(Ordering::SeqCst) == 0)
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

impl Standing {
    fn is_here(&self) -> bool {
        self.leaving_at.is_none()
    }
}

impl Registry {
    /// The number that a member of this name has, or the lowest that is free.
    fn place_of(&self, name: &str) -> Option<u32> {
        if let Some(standing) = self.by_name.get(name) {
            return Some(standing.id.index);
        }
        (0..).take(MEMBERS).find(|index| !self.taken.contains(index))
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
