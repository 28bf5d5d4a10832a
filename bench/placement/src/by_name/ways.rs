//! The maps, and what each does with the name of an object.

use spillway_placement::{Error, MemberId, ObjectKey, PlacementMap, Row};

use super::Named;
use crate::{case::MEMBERS, maps::Key};

/// Ours, by the names of object and member with each row.
pub(super) struct EachRow {
    map: PlacementMap,
    members: Vec<String>,
}

impl Named for EachRow {
    fn new() -> Result<Self, Error> {
        let (map, members) = (PlacementMap::default(), members());
        members.iter().try_for_each(|member| map.join(member).map(drop))?;
        Ok(Self { map, members })
    }

    fn insert(&mut self, object: &ObjectKey, rows: &[Row]) -> Result<(), Error> {
        let pairs = self.members.iter().zip(rows);
        pairs.into_iter().try_for_each(|(member, row)| self.map.upsert(object, member, |place| *place = *row))
    }

    fn get(&self, object: &ObjectKey, count: u32, mut see: impl FnMut(Row)) -> Result<(), Error> {
        for member in &self.members[..count as usize] {
            self.map.get(object, member)?.into_iter().for_each(&mut see);
        }
        Ok(())
    }
}

/// Ours, by ids: the name is resolved once an object.
pub(super) struct EachObject {
    map: PlacementMap,
    members: Vec<MemberId>,
}

impl Named for EachObject {
    fn new() -> Result<Self, Error> {
        let map = PlacementMap::default();
        let members = members().iter().map(|member| map.join(member)).collect::<Result<_, _>>()?;
        Ok(Self { map, members })
    }

    fn insert(&mut self, object: &ObjectKey, rows: &[Row]) -> Result<(), Error> {
        let id = self.map.intern(object)?;
        let pairs = self.members.iter().zip(rows);
        pairs.into_iter().try_for_each(|(member, row)| self.map.edit(id, *member, |place| *place = *row))
    }

    fn get(&self, object: &ObjectKey, count: u32, mut see: impl FnMut(Row)) -> Result<(), Error> {
        let Some(id) = self.map.find(object) else { return Ok(()) };
        for member in &self.members[..count as usize] {
            self.map.row(id, *member)?.into_iter().for_each(&mut see);
        }
        Ok(())
    }
}

/// Ours, all rows of an object at once, with the names of their members.
pub(super) struct RowsOfObject(EachObject);

impl Named for RowsOfObject {
    fn new() -> Result<Self, Error> {
        EachObject::new().map(Self)
    }

    fn insert(&mut self, object: &ObjectKey, rows: &[Row]) -> Result<(), Error> {
        self.0.insert(object, rows)
    }

    fn get(&self, object: &ObjectKey, _count: u32, mut see: impl FnMut(Row)) -> Result<(), Error> {
        self.0.map.rows_of_object(object).into_iter().for_each(|(_, row)| see(row));
        Ok(())
    }
}

type Hasher = foldhash::fast::FixedState;

/// hashbrown, with another one for the names of objects in front. Members have numbers from the start, which is kind
/// to it.
pub(super) struct Swiss<const EACH_ROW: bool> {
    names: ::hashbrown::HashMap<ObjectKey, u64, Hasher>,
    rows: ::hashbrown::HashMap<Key, Row, Hasher>,
}

impl<const EACH_ROW: bool> Swiss<EACH_ROW> {
    /// The number of an object; it gets one if it had none.
    fn number(&mut self, object: &ObjectKey) -> u64 {
        let next = self.names.len() as u64;
        *self.names.entry_ref(object).or_insert(next)
    }
}

impl<const EACH_ROW: bool> Named for Swiss<EACH_ROW> {
    fn new() -> Result<Self, Error> {
        Ok(Self { names: ::hashbrown::HashMap::default(), rows: ::hashbrown::HashMap::default() })
    }

    fn insert(&mut self, object: &ObjectKey, rows: &[Row]) -> Result<(), Error> {
        let mut number = self.number(object);
        for (row, member) in rows.iter().zip(0_u64..) {
            if EACH_ROW {
                number = self.number(object);
            }
            self.rows.insert((number, member), *row);
        }
        Ok(())
    }

    fn get(&self, object: &ObjectKey, count: u32, mut see: impl FnMut(Row)) -> Result<(), Error> {
        let mut number = self.names.get(object);
        for member in 0..u64::from(count) {
            if EACH_ROW {
                number = self.names.get(object);
            }
            number
                .and_then(|number| self.rows.get(&(*number, member)))
                .copied()
                .into_iter()
                .for_each(&mut see);
        }
        Ok(())
    }
}

fn members() -> Vec<String> {
    (0..MEMBERS).map(|member| format!("member-{member}")).collect()
}
