//! Who holds the rows of the hub: our map, or std's in its place.

use std::collections::HashMap;

use parking_lot::RwLock;
use spillway_placement::{Error, MemberId, ObjectId, ObjectKey, PlacementMap, Row};

use crate::{
    case::MEMBERS,
    maps::{Key, key},
};

/// The rows of one object, one a member.
pub(crate) type Rows = [Row; MEMBERS as usize];

/// A map that tasks share.
pub(crate) trait Holder: Sized + Send + Sync + 'static {
    /// What the map calls an object.
    type Id: Copy;

    /// An empty one.
    fn new() -> Result<Self, Error>;
    /// Makes an object known.
    fn intern(&self, name: &ObjectKey) -> Result<Self::Id, Error>;
    /// Looks an object up.
    fn find(&self, name: &ObjectKey) -> Option<Self::Id>;
    /// Its rows; those that are not there are empty.
    fn rows(&self, id: Self::Id) -> Result<Rows, Error>;
    /// Writes its rows.
    fn write(&self, id: Self::Id, rows: &Rows) -> Result<(), Error>;
}

/// Ours.
pub(crate) struct Ours {
    map: PlacementMap,
    members: Vec<MemberId>,
}

impl Holder for Ours {
    type Id = ObjectId;

    fn new() -> Result<Self, Error> {
        let map = PlacementMap::default();
        let join = |member| map.join(&format!("member-{member}"));
        let members = (0..MEMBERS).map(join).collect::<Result<_, _>>()?;
        Ok(Self { map, members })
    }

    fn intern(&self, name: &ObjectKey) -> Result<ObjectId, Error> {
        self.map.intern(name)
    }

    fn find(&self, name: &ObjectKey) -> Option<ObjectId> {
        self.map.find(name)
    }

    fn rows(&self, id: ObjectId) -> Result<Rows, Error> {
        let mut rows = [Row::default(); MEMBERS as usize];
        for (row, member) in rows.iter_mut().zip(&self.members) {
            *row = self.map.row(id, *member)?.unwrap_or_default();
        }
        Ok(rows)
    }

    fn write(&self, id: ObjectId, rows: &Rows) -> Result<(), Error> {
        let pairs = rows.iter().zip(&self.members);
        pairs.into_iter().try_for_each(|(row, member)| self.map.edit(id, *member, |place| *place = *row))
    }
}

/// Std's map behind a lock, and another one for the names, as it would be written without a map of our own. It takes
/// its lock once for all rows of an object, which is kind to it.
#[derive(Default)]
pub(crate) struct Std {
    names: RwLock<HashMap<ObjectKey, u32>>,
    rows: RwLock<HashMap<Key, Row>>,
}

impl Holder for Std {
    type Id = u32;

    fn new() -> Result<Self, Error> {
        Ok(Self::default())
    }

    fn intern(&self, name: &ObjectKey) -> Result<u32, Error> {
        let mut names = self.names.write();
        let next = u32::try_from(names.len()).map_err(|_| Error::TooManyObjects)?;
        Ok(*names.entry(name.clone()).or_insert(next))
    }

    fn find(&self, name: &ObjectKey) -> Option<u32> {
        self.names.read().get(name).copied()
    }

    fn rows(&self, id: u32) -> Result<Rows, Error> {
        let map = self.rows.read();
        let mut rows = [Row::default(); MEMBERS as usize];
        for (row, member) in rows.iter_mut().zip(0..) {
            *row = map.get(&key(id, member)).copied().unwrap_or_default();
        }
        Ok(rows)
    }

    fn write(&self, id: u32, rows: &Rows) -> Result<(), Error> {
        let mut map = self.rows.write();
        for (row, member) in rows.iter().zip(0..) {
            map.insert(key(id, member), *row);
        }
        Ok(())
    }
}
