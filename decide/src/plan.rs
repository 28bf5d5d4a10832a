//! The plan: from what the hub wants on a member and what is seen there, what to change.
//!
//! What the controller does, what a dry run prints and what the tests check is this one plan. It knows no
//! kinds and no clients: an object is its owner's mark and a fingerprint of what it says.
//!
//! | want | seen | both sides synced | change |
//! |---|---|---|---|
//! | present | nothing | yes | `Create` |
//! | present | nothing | no | `Leave(NotSynced)`: it may be there, unseen |
//! | present | ours, the same | any | `Leave(InStep)` |
//! | present | ours, other | any | `Update` |
//! | present | foreign | any | `Conflict`: never overwritten |
//! | undecided | anything | any | `Leave(Undecided)`: a reference that does not resolve deletes nothing |
//! | released | ours | any | `Release`: it stays, without our labels |
//! | released | nothing or foreign | any | `Leave(Gone)`, `Leave(Foreign)` |
//! | absent | nothing | any | `Leave(Gone)` |
//! | absent | foreign | any | `Leave(Foreign)` |
//! | absent | ours | no | `Leave(NotSynced)`: nothing is deleted because a cluster cannot be seen |
//! | absent | ours | yes | `Delete` |
//!
//! A delete that somebody asked for by name (its source is being deleted) is done at once. One that is only
//! inferred, because a source is missing or no longer selects the member, passes the [`guard`] first.

mod guard;

use std::collections::BTreeMap;

pub use guard::{Guard, Sweep};

/// Who an object says it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// UID of the hub.
    pub hub: String,
    /// UID of the object on the hub that it is a copy of.
    pub source: String,
}

/// What is seen of an object on a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its owner's labels, if it has them all.
    pub owner: Option<Owner>,
    /// Its UID on the member, so that a delete hits this very object or nothing.
    pub uid: String,
    /// What it says.
    pub fingerprint: u128,
}

/// What the hub wants of an object on a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// It shall be there and say this.
    Present {
        /// What it shall say.
        fingerprint: u128,
    },
    /// The hub cannot tell: something that the source refers to does not resolve.
    Undecided,
    /// It shall stay and no longer be ours (deletion policy Orphan).
    Released,
    /// It shall not be there.
    Absent(Absence),
}

/// Why an object shall not be on a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Its source is being deleted: somebody asked for it by name.
    Requested,
    /// Its source no longer selects the member.
    Unselected,
    /// It has no source on the hub.
    Orphaned,
}

/// Whose eyes are open: whether the full lists of both sides were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synced {
    /// Of the hub.
    pub hub: bool,
    /// Of the member.
    pub member: bool,
}

/// What to do with one object on one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Write it, if nothing is there.
    Create,
    /// Write it over what is ours.
    Update {
        /// The object to write over.
        uid: String,
    },
    /// Delete it.
    Delete {
        /// The object to delete.
        uid: String,
        /// Why.
        why: Absence,
    },
    /// Take our labels off it.
    Release {
        /// The object to release.
        uid: String,
    },
    /// Do nothing.
    Leave(Reason),
    /// Do nothing, and tell: somebody else's object has the name.
    Conflict {
        /// Whose it is, for people.
        message: String,
    },
}

impl Change {
    /// Whether it is a delete that nobody asked for by name, and that the guard must pass.
    #[must_use]
    pub fn is_inferred_delete(&self) -> bool {
        matches!(self, Self::Delete { why: Absence::Unselected | Absence::Orphaned, .. })
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// What is wanted is seen.
    InStep,
    /// Nothing is wanted and nothing is there.
    Gone,
    /// Nothing is wanted, and what is there is not ours.
    Foreign,
    /// A side was not fully seen yet.
    NotSynced,
    /// The hub cannot tell what it wants.
    Undecided,
}

/// The change of one object; the table is above. `hub` is our hub's UID.
#[must_use]
pub fn change(hub: &str, want: Want, seen: Option<&Seen>, synced: Synced) -> Change {
    let ours = seen.filter(|seen| seen.owner.as_ref().is_some_and(|owner| owner.hub == hub));
    match (want, seen, ours) {
        (Want::Undecided, ..) => Change::Leave(Reason::Undecided),
        (Want::Present { .. }, None, _) if !synced.member => Change::Leave(Reason::NotSynced),
        (Want::Present { .. }, None, _) => Change::Create,
        (Want::Present { fingerprint }, _, Some(ours)) if ours.fingerprint == fingerprint => {
            Change::Leave(Reason::InStep)
        }
        (Want::Present { .. }, _, Some(ours)) => Change::Update { uid: ours.uid.clone() },
        (Want::Present { .. }, Some(foreign), None) => Change::Conflict { message: whose(foreign) },
        (Want::Released | Want::Absent(_), None, _) => Change::Leave(Reason::Gone),
        (Want::Released | Want::Absent(_), Some(_), None) => Change::Leave(Reason::Foreign),
        (Want::Released, _, Some(ours)) => Change::Release { uid: ours.uid.clone() },
        (Want::Absent(why), _, Some(ours)) if synced.hub && synced.member => {
            Change::Delete { uid: ours.uid.clone(), why }
        }
        (Want::Absent(_), _, Some(_)) => Change::Leave(Reason::NotSynced),
    }
}

/// The plan of a whole member: every object that is wanted or seen, in order. What is seen and not known to the
/// hub is orphaned.
#[must_use]
pub fn plan<K: Ord + Clone>(
    hub: &str,
    wants: &BTreeMap<K, Want>,
    seen: &BTreeMap<K, Seen>,
    synced: Synced,
) -> BTreeMap<K, Change> {
    let orphans = seen.keys().filter(|key| !wants.contains_key(key));
    let orphans = orphans.map(|key| (key, Want::Absent(Absence::Orphaned)));
    let wants = wants.iter().map(|(key, want)| (key, *want));
    wants.chain(orphans).map(|(key, want)| (key.clone(), change(hub, want, seen.get(key), synced))).collect()
}

fn whose(foreign: &Seen) -> String {
    match &foreign.owner {
        Some(owner) => format!(
            "an object of this name belongs to another hub (its kube-system namespace has UID {})",
            owner.hub
        ),
        None => "an object of this name is there that Spillway did not create; rename one of the two, \
                 or delete the one on the member"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
