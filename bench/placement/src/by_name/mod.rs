//! What a name costs. The judged figures are of ids that are kept. Here names are resolved: once an object, as a
//! reconcile of the controller does; with each row; to read an object at once; and by hashbrown, with a map of the names
//! in front of its rows.
//!
//! Each way is a child of its own: it inserts every row object by object into an empty map, and gets them object by
//! object, objects shuffled. The names that are asked for are not those that were inserted, but equal ones with a
//! text of their own, as the names of a reconcile are.

mod conduct;
mod ways;

use std::{path::PathBuf, time::Instant};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use spillway_placement::{Error, Fingerprint, ObjectKey, Row};

pub(crate) use conduct::conduct;

use crate::{
    case::{MEMBERS, Map, objects},
    maps::spillway::name,
    sequence::{self, pair},
};

/// How rows are inserted and got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// Ours: `upsert` and `get`, the names of object and member with each row.
    EachRow,
    /// Ours: `intern` or `find` once an object, then `edit` and `row` by ids.
    EachObject,
    /// Ours: `rows_of_object`; it inserts as [`Self::EachObject`] does.
    RowsOfObject,
    /// hashbrown: one look-up of the object's name with each row.
    HashbrownEachRow,
    /// hashbrown: one look-up of the name an object.
    HashbrownEachObject,
}

impl Way {
    /// The map whose way it is.
    pub(crate) fn map(self) -> Map {
        match self {
            Self::EachRow | Self::EachObject | Self::RowsOfObject => Map::Spillway,
            Self::HashbrownEachRow | Self::HashbrownEachObject => Map::Hashbrown,
        }
    }

    /// In words, for the page.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::EachRow => "`upsert` and `get`, names with each row",
            Self::EachObject => "`edit` and `row` by ids, the name once an object",
            Self::RowsOfObject => "`rows_of_object`",
            Self::HashbrownEachRow => "a map of names in front, asked with each row",
            Self::HashbrownEachObject => "a map of names in front, asked once an object",
        }
    }
}

/// What a child is told to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Walk {
    /// How rows are inserted and got.
    #[arg(long)]
    pub(crate) way: Way,
    /// How many rows.
    #[arg(long)]
    pub(crate) entries: u32,
    /// The folder with the shuffled sequences.
    #[arg(long)]
    pub(crate) work: PathBuf,
}

/// What a child found; it prints this as one line of JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Times {
    insert_ns: u64,
    get_ns: u64,
}

/// A map that is asked by name, an object at a time; what it does for each row of it is its own.
trait Named: Sized {
    /// An empty one, with its members.
    fn new() -> Result<Self, Error>;

    /// Puts the first rows of an object, where none is.
    fn insert(&mut self, object: &ObjectKey, rows: &[Row]) -> Result<(), Error>;

    /// Shows a copy of each of the first `count` rows of an object; one that is not there is not shown.
    fn get(&self, object: &ObjectKey, count: u32, see: impl FnMut(Row)) -> Result<(), Error>;
}

/// Does what the conductor asks.
pub(crate) fn run(walk: &Walk) -> anyhow::Result<()> {
    let times = match walk.way {
        Way::EachRow => measure::<ways::EachRow>(walk),
        Way::EachObject => measure::<ways::EachObject>(walk),
        Way::RowsOfObject => measure::<ways::RowsOfObject>(walk),
        Way::HashbrownEachRow => measure::<ways::Swiss<true>>(walk),
        Way::HashbrownEachObject => measure::<ways::Swiss<false>>(walk),
    }?;
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}

fn measure<N: Named>(walk: &Walk) -> anyhow::Result<Times> {
    let shuffled = shuffled_objects(walk)?;
    let told: Vec<ObjectKey> = (0..objects(walk.entries)).map(name).collect();
    let asked: Vec<ObjectKey> = (0..objects(walk.entries)).map(name).collect();
    let mut map = N::new()?;
    let start = Instant::now();
    for (object, name) in (0..).zip(&told) {
        let (rows, count) = rows(object, walk.entries);
        map.insert(name, &rows[..count as usize])?;
    }
    let inserted = start.elapsed();
    let start = Instant::now();
    let mut wrong = 0_u32;
    for object in shuffled {
        wrong += u32::from(!is_whole(&map, object, &asked[object as usize], walk.entries)?);
    }
    let got = start.elapsed();
    std::mem::forget(map); // the process ends here; taking it apart is not what is measured
    anyhow::ensure!(wrong == 0, "rows of {wrong} objects were lost or mixed up");
    Ok(Times { insert_ns: u64::try_from(inserted.as_nanos())?, get_ns: u64::try_from(got.as_nanos())? })
}

fn shuffled_objects(walk: &Walk) -> anyhow::Result<Vec<u32>> {
    let rows = sequence::Sequence::of_gets_by_object(&walk.work, walk.entries)?;
    let mut objects: Vec<u32> = rows.rows(walk.entries).map(|row| pair(row).0).collect();
    objects.dedup();
    Ok(objects)
}

/// Gets the rows of an object, and tells whether they are those that were put there.
fn is_whole<N: Named>(map: &N, object: u32, name: &ObjectKey, entries: u32) -> Result<bool, Error> {
    let (mut sum, mut seen) = (0, 0);
    let (first, count) = span(object, entries);
    map.get(name, count, |row| {
        sum += std::hint::black_box(row).since;
        seen += 1;
    })?;
    Ok(seen == count && sum == (first..first + count).map(u64::from).sum::<u64>())
}

/// What is written for an object, and how many of these rows it has.
fn rows(object: u32, entries: u32) -> ([Row; MEMBERS as usize], u32) {
    let (first, count) = span(object, entries);
    let mut rows = [Row::default(); MEMBERS as usize];
    for (row, number) in rows.iter_mut().zip(first..) {
        let wanted = Some(Fingerprint::new(u128::from(number) + 1));
        *row = Row { desired: wanted, applied: wanted, observed: wanted, since: number.into(), tries: 0 };
    }
    (rows, count)
}

/// The number of an object's first row, and how many it has: the last object may have fewer.
fn span(object: u32, entries: u32) -> (u32, u32) {
    let first = object * MEMBERS;
    (first, (entries - first).min(MEMBERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gives_back_what_was_put_and_nothing_else<N: Named>() {
        let (entries, mut map) = (MEMBERS + 5, N::new().unwrap());
        for object in [0, 1] {
            let (rows, count) = rows(object, entries);
            map.insert(&name(object), &rows[..count as usize]).unwrap();
        }
        for object in [0, 1] {
            assert!(is_whole(&map, object, &name(object), entries).unwrap(), "object {object}");
        }
        assert!(!is_whole(&map, 1, &name(1), entries + 1).unwrap(), "a row that is not there");
        assert!(!is_whole(&map, 0, &name(2), entries).unwrap(), "an object that is not there");
        assert!(!is_whole(&map, 0, &name(1), 2 * MEMBERS).unwrap(), "rows of another object");
    }

    #[test]
    fn every_way_gives_back_what_was_put() {
        gives_back_what_was_put_and_nothing_else::<ways::EachRow>();
        gives_back_what_was_put_and_nothing_else::<ways::EachObject>();
        gives_back_what_was_put_and_nothing_else::<ways::RowsOfObject>();
        gives_back_what_was_put_and_nothing_else::<ways::Swiss<true>>();
        gives_back_what_was_put_and_nothing_else::<ways::Swiss<false>>();
    }
}
