//! Which row is inserted or got when.
//!
//! Shuffled sequences are made once and kept in files, so that every child, the one in Go included, does exactly
//! the same. They are read through a small buffer: a large one that is freed would teach glibc's allocator to keep
//! large blocks, and the process would no longer be cold.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::case::{MEMBERS, Order, objects};

/// The sequence of a pass over all rows.
pub(crate) enum Sequence {
    /// Row 0, 1, 2 and so on: object by object.
    Straight,
    /// Shuffled.
    Shuffled(Vec<u32>),
}

impl Sequence {
    /// The sequence of the inserts.
    pub(crate) fn of_inserts(order: Order, work: &Path, entries: u32) -> anyhow::Result<Self> {
        match order {
            Order::Hub => Ok(Self::Straight),
            Order::Random => read(&file(work, "insert", entries), entries).map(Self::Shuffled),
        }
    }

    /// The sequence of the gets, all rows shuffled.
    pub(crate) fn of_gets(work: &Path, entries: u32) -> anyhow::Result<Self> {
        read(&file(work, "get", entries), entries).map(Self::Shuffled)
    }

    /// The sequence of the gets that go object by object: objects are shuffled, the rows of each are not.
    pub(crate) fn of_gets_by_object(work: &Path, entries: u32) -> anyhow::Result<Self> {
        read(&file(work, "get-by-object", entries), entries).map(Self::Shuffled)
    }

    /// The numbers of rows in turn.
    pub(crate) fn rows(&self, entries: u32) -> impl Iterator<Item = u32> {
        let (straight, shuffled) = match self {
            Self::Straight => (0..entries, [].iter()),
            Self::Shuffled(rows) => (0..0, rows.iter()),
        };
        straight.chain(shuffled.copied())
    }
}

/// The object and the member of a row.
pub(crate) fn pair(row: u32) -> (u32, u32) {
    (row / MEMBERS, row % MEMBERS)
}

/// Makes the files that children read.
pub(crate) fn prepare(work: &Path, entries: u32) -> anyhow::Result<()> {
    for (name, seed) in [("insert", 37), ("get", 73)] {
        let mut rows: Vec<u32> = (0..entries).collect();
        rows.shuffle(&mut StdRng::seed_from_u64(seed));
        write(&file(work, name, entries), &rows)?;
    }
    let mut objects: Vec<u32> = (0..objects(entries)).collect();
    objects.shuffle(&mut StdRng::seed_from_u64(3737));
    let rows = |object: u32| object * MEMBERS..entries.min((object + 1) * MEMBERS);
    let rows: Vec<u32> = objects.into_iter().flat_map(rows).collect();
    write(&file(work, "get-by-object", entries), &rows)
}

fn file(work: &Path, name: &str, entries: u32) -> PathBuf {
    work.join(format!("{name}-{entries}.u32"))
}

/// Writes numbers as little-endian words of 32 bits.
pub(crate) fn write(path: &Path, words: &[u32]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
    for word in words {
        file.write_all(&word.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

/// Reads `count` numbers that [`write`] has written.
pub(crate) fn read(path: &Path, count: u32) -> anyhow::Result<Vec<u32>> {
    let mut file = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
    let mut words = Vec::with_capacity(count as usize);
    let mut word = [0; 4];
    for _ in 0..count {
        file.read_exact(&mut word).with_context(|| format!("{} is too short", path.display()))?;
        words.push(u32::from_le_bytes(word));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffled_sequence_has_every_row_once_and_is_the_same_for_every_child() {
        let work = tempfile::tempdir().unwrap();
        prepare(work.path(), 1000).unwrap();
        let read = || Sequence::of_inserts(Order::Random, work.path(), 1000).unwrap();
        let rows: Vec<u32> = read().rows(1000).collect();
        assert_eq!(rows, read().rows(1000).collect::<Vec<_>>());
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, Sequence::Straight.rows(1000).collect::<Vec<_>>());
        assert_ne!(sorted, rows);
    }

    #[test]
    fn by_object_every_row_comes_once_too_and_beside_those_of_its_object() {
        let work = tempfile::tempdir().unwrap();
        prepare(work.path(), 1000).unwrap();
        let rows: Vec<u32> = Sequence::of_gets_by_object(work.path(), 1000).unwrap().rows(1000).collect();
        let mut groups: Vec<u32> = rows.iter().map(|row| pair(*row).0).collect();
        groups.dedup();
        assert_eq!(groups.len(), 28, "objects that are left and entered again: {groups:?}");
        let mut sorted = rows;
        sorted.sort_unstable();
        assert_eq!(sorted, Sequence::Straight.rows(1000).collect::<Vec<_>>());
    }
}
