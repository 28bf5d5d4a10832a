//! All runs of a plan: workers that take the next run as soon as theirs is done.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::time::sleep;

use super::alive::Theatre;
use super::dead::{self, STRETCHED, Stretched};
use super::federation::Ground;
use super::machine::{Busy, Meter};
use super::measure::{Gateway, Run};
use super::plan::{self, Options};
use crate::story::REGIONS;

/// Requests a second of a dead run, as a part of those of an alive one: no claim needs more.
const DEAD_RATE: f64 = 0.6;

/// What all runs found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The runs that could be measured.
    pub runs: Vec<Run>,
    /// What is wrong with the others.
    pub failed: Vec<String>,
    /// By the seconds for which resolvers keep an answer at least: when each client left, after the death.
    pub stretched: Vec<(u32, Vec<f64>)>,
    /// How busy the machine was, gateway alive and dead.
    pub busy: Vec<(Gateway, Busy)>,
    /// How long it took, all in all.
    pub took: Duration,
}

/// Runs everything.
pub async fn conduct(options: &Options) -> Result<Findings> {
    let begun = Instant::now();
    let mut findings = Findings::default();
    if options.runs > 0 {
        play_alive(options, &mut findings).await?;
    }
    if options.dead_runs + options.stretched_runs > 0 {
        play_dead(options, &mut findings).await?;
    }
    findings.took = begun.elapsed();
    Ok(findings)
}

async fn play_alive(options: &Options, findings: &mut Findings) -> Result<()> {
    let workers = options.parallel.min(options.runs);
    let theatre = Theatre::raise(workers).await?;
    let meter = Meter::start();
    let played = each(options, workers, plan::alive(options), async |host, run| {
        let found = theatre.play(host, &run, options.rate).await;
        tell(&run.fault.to_string(), &found);
        found
    })
    .await;
    findings.busy.push((Gateway::Alive, meter.busy()));
    for run in played {
        findings.take(run);
    }
    Ok(())
}

async fn play_dead(options: &Options, findings: &mut Findings) -> Result<()> {
    let ground = Ground::raise(&REGIONS).await?;
    let meter = Meter::start();
    let runs = plan::dead(options);
    // Those that watch resolvers which stretch TTLs take five times as long, and little of the machine.
    let workers = (options.parallel + options.stretched_runs).min(runs.len());
    let played = each(options, workers, runs, async |slot, run| {
        let found = dead::play(&ground, slot, &run, options.rate * DEAD_RATE).await;
        let (found, stretched) = match found {
            Ok((found, stretched)) => (Ok(found), stretched),
            Err(error) => (Err(error), Vec::new()),
        };
        tell(&run.death.to_string(), &found);
        found.map(|found| (found, stretched))
    })
    .await;
    findings.busy.push((Gateway::Dead, meter.busy()));
    for run in played {
        match run {
            Ok((run, stretched)) => {
                findings.stretched(&stretched);
                findings.take(Ok(run));
            }
            Err(error) => findings.take(Err(error)),
        }
    }
    Ok(())
}

impl Findings {
    fn take(&mut self, run: Result<Run>) {
        match run {
            Ok(run) => self.runs.push(run),
            Err(error) => self.failed.push(format!("{error:#}")),
        }
    }

    fn stretched(&mut self, found: &[Stretched]) {
        for least in STRETCHED {
            let left =
                found.iter().filter(|one| one.least_seconds == least).flat_map(|one| one.left_s.clone());
            match self.stretched.iter_mut().find(|(known, _)| *known == least) {
                Some((_, all)) => all.extend(left),
                None => self.stretched.push((least, left.collect())),
            }
        }
    }
}

/// Plays every run, `workers` at a time; each worker has its number for itself.
async fn each<T, R, F, Fut>(options: &Options, workers: usize, runs: Vec<T>, play: F) -> Vec<Result<R>>
where
    F: Fn(usize, T) -> Fut,
    Fut: Future<Output = Result<R>>,
{
    let (queue, play) = (Arc::new(Mutex::new(runs.into_iter())), &play);
    let work = (0..workers).map(|n| {
        let queue = Arc::clone(&queue);
        async move {
            sleep(plan::stagger(options, n)).await;
            let mut found = Vec::new();
            loop {
                let next = queue.lock().next();
                let Some(run) = next else { return found };
                found.push(play(n, run).await);
            }
        }
    });
    join_all(work).await.into_iter().flatten().collect()
}

fn tell(what: &str, run: &Result<Run>) {
    match run {
        Ok(run) => println!(
            "{what}: given up after {:.2} s, by all {:.2} s later, 65 % {:.2} s, 100 % {:.2} s, last client {:.1} s, last ill \
             request {:.1} s, {} of {} lost ({} late), {} wrong",
            run.onset_to_degraded_s,
            run.verdict_to_all_s,
            run.verdict_to_65_s,
            run.verdict_to_100_s,
            run.last_client_s,
            run.last_ill_s,
            run.lost,
            run.sent,
            run.lost_late,
            run.wrong
        ),
        Err(error) => println!("{what}: no figures: {error:#}"),
    }
}
