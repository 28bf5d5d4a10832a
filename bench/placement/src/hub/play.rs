//! One hub, played once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use spillway_placement::{Error, Fingerprint, ObjectKey, Row};
use tokio::{
    runtime::{Builder, Handle},
    task::JoinHandle,
};

use super::{Play, holder::Holder, reconcile::reconcile};
use crate::{
    case::{MEMBERS, objects},
    maps::spillway::name,
};

/// Two watches of the hub: each feeds every other object.
const FEEDERS: u32 = 2;

/// The hub and what its tasks share.
struct Hub<H> {
    holder: H,
    names: Vec<ObjectKey>,
    /// How many objects each feeder has fed.
    fed: [AtomicU32; FEEDERS as usize],
}

type Reconciles = Vec<JoinHandle<Result<Duration, Error>>>;

/// Feeds a hub and returns the times of the reconciles that went on meanwhile, in nanoseconds.
pub(crate) fn play<H: Holder>(play: &Play) -> anyhow::Result<Vec<u32>> {
    let names = (0..objects(play.entries)).map(name).collect();
    let hub = Arc::new(Hub { holder: H::new()?, names, fed: Default::default() });
    let runtime = Builder::new_multi_thread().enable_time().build()?;
    let over = Arc::new(AtomicBool::new(false));
    let arrivals = {
        let (hub, over, play, handle) = (hub.clone(), over.clone(), play.clone(), runtime.handle().clone());
        thread::spawn(move || arrivals(&hub, &over, &play, &handle))
    };
    let fed = runtime.block_on(feed(&hub, play));
    over.store(true, Ordering::Relaxed);
    let reconciles = arrivals.join().ok().context("the thread from which reconciles arrive has panicked")?;
    fed?;
    runtime.block_on(times(reconciles))
}

/// Both feeders to their end.
async fn feed<H: Holder>(hub: &Arc<Hub<H>>, play: &Play) -> anyhow::Result<()> {
    let pause = Duration::from_secs(1) * MEMBERS * FEEDERS / play.rows_per_second;
    let feeders: Vec<_> =
        (0..FEEDERS).map(|feeder| tokio::spawn(feeder_task(hub.clone(), feeder, pause))).collect();
    for feeder in feeders {
        feeder.await??;
    }
    Ok(())
}

/// Feeds every other object, one after the other, each when it is due; between two, others have their turn.
async fn feeder_task<H: Holder>(hub: Arc<Hub<H>>, feeder: u32, pause: Duration) -> Result<(), Error> {
    let start = tokio::time::Instant::now();
    let mine = hub.names.iter().skip(feeder as usize).step_by(FEEDERS as usize);
    for (name, turn) in mine.zip(0_u32..) {
        let due = start + pause * turn;
        if due > tokio::time::Instant::now() {
            tokio::time::sleep_until(due).await; // to the next millisecond, then what is due in it at once
        } else {
            tokio::task::yield_now().await;
        }
        let id = hub.holder.intern(name)?;
        hub.holder.write(id, &[fed_row(turn); MEMBERS as usize])?;
        hub.fed[feeder as usize].store(turn + 1, Ordering::Release);
    }
    Ok(())
}

/// What a watch shows of an object that a member already has.
fn fed_row(turn: u32) -> Row {
    let says = Some(Fingerprint::new(u128::from(turn) + 1));
    Row { desired: says, applied: says, observed: says, since: turn.into(), tries: 0 }
}

/// Lets reconciles arrive, each at its time, until feeding is over. It is a thread of its own, and a
/// reconcile's time runs from when its arrival was due: a processor that was too busy to let it arrive counts, too.
fn arrivals<H: Holder>(hub: &Arc<Hub<H>>, over: &AtomicBool, play: &Play, handle: &Handle) -> Reconciles {
    let pause = Duration::from_secs(1) / play.reconciles_per_second;
    let (start, mut random) = (Instant::now(), SmallRng::seed_from_u64(37));
    let mut reconciles = Reconciles::new();
    for turn in 1_u32.. {
        let due = start + pause * turn;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if over.load(Ordering::Relaxed) {
            break;
        }
        let Some(object) = hub.one_that_is_fed(&mut random) else { continue };
        let hub = hub.clone();
        reconciles.push(handle.spawn(async move {
            reconcile(&hub.holder, &hub.names[object], u128::from(turn) << 64)?;
            Ok(due.elapsed())
        }));
    }
    reconciles
}

impl<H> Hub<H> {
    fn one_that_is_fed(&self, random: &mut SmallRng) -> Option<usize> {
        let feeder = random.random_range(0..FEEDERS);
        let fed = self.fed[feeder as usize].load(Ordering::Acquire);
        (fed > 0).then(|| (random.random_range(0..fed) * FEEDERS + feeder) as usize)
    }
}

async fn times(reconciles: Reconciles) -> anyhow::Result<Vec<u32>> {
    let mut times = vec![];
    for reconcile in reconciles {
        times.push(u32::try_from(reconcile.await??.as_nanos()).unwrap_or(u32::MAX));
    }
    Ok(times)
}
