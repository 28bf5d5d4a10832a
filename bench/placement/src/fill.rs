//! One fill of one map: the part of a child.

use std::{hint::black_box, time::Instant};

use anyhow::bail;
use quanta::Clock;
use spillway_placement::{Fingerprint, ObjectId, Row};

use crate::{
    case::{Allocator, Fill, Map, Order, Outcome, Pass, objects},
    maps::{
        Subject, btree::Ordered, dash::Dash, griddle::Griddle, hashbrown::Swiss, papaya::Papaya, scc::Scc,
        spillway::Ours, standard::Std,
    },
    memory::{forget_peak, resident},
    sequence::{self, Sequence, pair},
};

/// More than the hungriest map needs for a row while it grows: hashbrown holds 81 bytes a bucket, and in the moment
/// of doubling three halves of the buckets that it will fill to the half: 243 bytes.
const WARM_BYTES_PER_ROW: usize = 320;

/// The file of a clocked pass, in nanoseconds.
pub(crate) const TIMES: &str = "times.u32";

/// Does what the conductor asks.
pub(crate) fn run(fill: &Fill) -> anyhow::Result<()> {
    match fill.map {
        Map::Spillway => measure::<Ours>(fill),
        Map::Std => measure::<Std>(fill),
        Map::Hashbrown => measure::<Swiss>(fill),
        Map::Griddle => measure::<Griddle>(fill),
        Map::Papaya => measure::<Papaya>(fill),
        Map::Scc => measure::<Scc>(fill),
        Map::Dashmap => measure::<Dash>(fill),
        Map::Btreemap => measure::<Ordered>(fill),
        Map::Go => bail!("Go's map is measured by the Go program"),
    }
}

fn measure<S: Subject>(fill: &Fill) -> anyhow::Result<()> {
    let inserts = Sequence::of_inserts(fill.order, &fill.work, fill.entries)?;
    let ids = vec![None; objects(fill.entries) as usize];
    if fill.allocator == Allocator::Warm {
        warm(fill.entries as usize * WARM_BYTES_PER_ROW);
    }
    match fill.pass {
        Pass::Clock => clocked::<S>(fill, &inserts, ids),
        Pass::Throughput => throughput::<S>(fill, &inserts, ids),
    }
}

/// Touches so many bytes and frees them. That the allocator keeps them is the environment's part.
fn warm(bytes: usize) {
    let mut block = vec![0_u8; bytes];
    for byte in block.iter_mut().step_by(4096) {
        *byte = 1;
    }
    black_box(&block);
}

/// Times every insert.
fn clocked<S: Subject>(fill: &Fill, inserts: &Sequence, ids: Vec<Option<ObjectId>>) -> anyhow::Result<()> {
    let clock = Clock::new();
    let mut times = vec![u32::MAX; fill.entries as usize]; // not zeroes: those would be touched while it counts
    let mut subject = ready::<S>(fill, ids)?;
    for (time, row) in times.iter_mut().zip(inserts.rows(fill.entries)) {
        let (object, member) = pair(row);
        let facts = facts(row);
        let start = clock.raw();
        let done = subject.insert(object, member, facts);
        let end = clock.raw();
        done?;
        *time = u32::try_from(clock.delta_as_nanos(start, end)).unwrap_or(u32::MAX);
    }
    sequence::write(&fill.work.join(TIMES), &times)?;
    std::mem::forget(subject); // the process ends here; taking it apart is not what is measured
    Ok(())
}

/// Times all inserts together, then as many gets in two orders, and looks at the memory between them.
fn throughput<S: Subject>(fill: &Fill, inserts: &Sequence, ids: Vec<Option<ObjectId>>) -> anyhow::Result<()> {
    let gets = Sequence::of_gets(&fill.work, fill.entries)?;
    let by_object = Sequence::of_gets_by_object(&fill.work, fill.entries)?;
    forget_peak()?;
    let before = resident()?;
    let mut subject = ready::<S>(fill, ids)?;
    let insert_ns = timed(|| insert_all(&mut subject, inserts, fill.entries))?;
    let after = resident()?;
    let get_ns = timed(|| get_all(&subject, &gets, fill.entries))?;
    let get_by_object_ns = timed(|| get_all(&subject, &by_object, fill.entries))?;
    std::mem::forget(subject);
    let outcome = Outcome {
        insert_ns,
        get_ns,
        get_by_object_ns,
        peak_bytes: after.peak.saturating_sub(before.now),
        settled_bytes: after.now.saturating_sub(before.now),
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// The map before its first row. In random order "ids known" means that the objects are known to it, too.
fn ready<S: Subject>(fill: &Fill, ids: Vec<Option<ObjectId>>) -> anyhow::Result<S> {
    let mut subject = S::new(ids)?;
    if fill.order == Order::Random {
        subject.know(objects(fill.entries))?;
    }
    Ok(subject)
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let start = Instant::now();
    work()?;
    Ok(u64::try_from(start.elapsed().as_nanos())?)
}

fn insert_all<S: Subject>(subject: &mut S, inserts: &Sequence, entries: u32) -> anyhow::Result<()> {
    for row in inserts.rows(entries) {
        let (object, member) = pair(row);
        subject.insert(object, member, facts(row))?;
    }
    Ok(())
}

/// Gets every row, whole, and checks that it is the one that was put there.
fn get_all<S: Subject>(subject: &S, gets: &Sequence, entries: u32) -> anyhow::Result<()> {
    let mut wrong = 0_u32;
    for row in gets.rows(entries) {
        let (object, member) = pair(row);
        let got = black_box(subject.get(object, member));
        wrong += u32::from(got.is_none_or(|got| got.since != u64::from(row)));
    }
    anyhow::ensure!(wrong == 0, "{wrong} of {entries} rows were lost or mixed up");
    Ok(())
}

/// What is written for a row: something of its own, cheaply made.
fn facts(row: u32) -> Row {
    let wanted = Some(Fingerprint::new(u128::from(row) + 1));
    Row { desired: wanted, applied: wanted, observed: wanted, since: u64::from(row), tries: 0 }
}
