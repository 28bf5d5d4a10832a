//! Which object has which name.
//!
//! Ordered maps, because they grow by a node at a time, whatever the names are: there is no table to double, and no
//! names that collide. A hash picks one of 64 of them, so that objects that are born at once seldom wait for each other.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use crate::{
    ObjectId, ObjectKey,
    sync::{RwLock, held},
};

const SHARDS: usize = 64;

/// The names, in 64 parts.
#[derive(Debug)]
pub(crate) struct Names {
    shards: Box<[RwLock<Shard>]>,
    /// With fixed keys: whoever chooses names can crowd one part, which is an ordered map like the others.
    hasher: BuildHasherDefault<DefaultHasher>,
}

/// A part of the names.
pub(crate) type Shard = BTreeMap<ObjectKey, ObjectId>;

impl Default for Names {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: BuildHasherDefault::default(),
        }
    }
}

impl Names {
    pub(crate) fn find(&self, key: &ObjectKey) -> Option<ObjectId> {
        held(self.shard(key).read()).get(key).copied()
    }

    /// Does something with the part that a name belongs to while nobody else does.
    pub(crate) fn with<R>(&self, key: &ObjectKey, act: impl FnOnce(&mut Shard) -> R) -> R {
        let mut names = held(self.shard(key).write());
        act(&mut names)
    }

    fn shard(&self, key: &ObjectKey) -> &RwLock<Shard> {
        let [hash, ..] = self.hasher.hash_one(key).to_le_bytes();
        &self.shards[usize::from(hash) % SHARDS]
    }
}
