//! Ours, by ids. An object's name is interned with its first row, and its id is kept from then on. The controller goes
//! by ids, too, but resolves the name once in each reconcile: what that costs, and what a name with each row would, is
//! measured in [`crate::by_name`].

use spillway_placement::{Error, MemberId, ObjectId, ObjectKey, PlacementMap, Row};

use super::Subject;
use crate::case::MEMBERS;

/// The map, and what a caller remembers of it.
pub(crate) struct Ours {
    map: PlacementMap,
    members: Vec<MemberId>,
    ids: Vec<Option<ObjectId>>,
}

impl Ours {
    #[inline]
    fn id(&mut self, object: u32) -> Result<ObjectId, Error> {
        match self.ids[object as usize] {
            Some(id) => Ok(id),
            None => self.meet(object),
        }
    }

    #[cold]
    fn meet(&mut self, object: u32) -> Result<ObjectId, Error> {
        let id = self.map.intern(&name(object))?;
        self.ids[object as usize] = Some(id);
        Ok(id)
    }
}

impl Subject for Ours {
    fn new(ids: Vec<Option<ObjectId>>) -> Result<Self, Error> {
        let map = PlacementMap::default();
        let members =
            (0..MEMBERS).map(|member| map.join(&format!("member-{member}"))).collect::<Result<_, _>>()?;
        Ok(Self { map, members, ids })
    }

    fn know(&mut self, objects: u32) -> Result<(), Error> {
        (0..objects).try_for_each(|object| self.meet(object).map(drop))
    }

    #[inline]
    fn insert(&mut self, object: u32, member: u32, row: Row) -> Result<(), Error> {
        let id = self.id(object)?;
        self.map.edit(id, self.members[member as usize], |place| *place = row)
    }

    #[inline]
    fn get(&self, object: u32, member: u32) -> Option<Row> {
        self.map.row(self.ids[object as usize]?, self.members[member as usize]).ok()?
    }
}

/// The name of an object: a hundred in each namespace.
pub(crate) fn name(object: u32) -> ObjectKey {
    ObjectKey::new("Ingress", &format!("ns-{}", object / 100), &format!("name-{object}"))
}
