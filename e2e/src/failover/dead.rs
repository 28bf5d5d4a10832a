//! Gateways that die: each in a federation of three of its own, which is started for the run and ended after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::federation::{Federation, Ground};
use super::measure::{Gateway, MOMENTS, Run, Trial, measure, verdict};
use super::place::{CLIENTS, Place};
use super::plan::{DeadRun, Death};
use super::watch::Watch;
use crate::load::{Load, Records};
use crate::story::REGIONS;
use crate::world::wait_until;

const VICTIM: &str = REGIONS[0];
const TTL_SECONDS: u32 = 30;
const PATIENCE: Duration = Duration::from_mins(1);
const REST: Duration = Duration::from_millis(500);
/// How long clients of resolvers that stretch TTLs are watched.
const STRETCHED_REST: Duration = Duration::from_secs(310);
/// Requests a second of those clients.
const STRETCHED_RATE: f64 = 30.0;
/// The stretched TTLs that the page shows.
pub(super) const STRETCHED: [u32; 2] = [60, 300];

/// When the clients of one kind of resolver sent their last requests to the dead region, seconds after the death.
#[derive(Clone, Debug)]
pub(super) struct Stretched {
    pub(super) least_seconds: u32,
    pub(super) left_s: Vec<f64>,
}

/// One death, and what the clients of stretching resolvers saw of it.
pub(super) async fn play(
    ground: &Arc<Ground>,
    slot: usize,
    run: &DeadRun,
    rate: f64,
) -> Result<(Run, Vec<Stretched>)> {
    let place_host = "dead.bench.test";
    let federation = Federation::start(ground, slot, &REGIONS, place_host).await?;
    let played = die(&federation, ground, run, rate, place_host).await;
    federation.end().await?;
    played
}

async fn die(
    federation: &Federation,
    ground: &Arc<Ground>,
    run: &DeadRun,
    rate: f64,
    host: &str,
) -> Result<(Run, Vec<Stretched>)> {
    let gateways: Vec<_> =
        federation.members.iter().map(|member| (member.region.clone(), member.admin)).collect();
    let watch = Watch::begin(VICTIM, &gateways);
    let place = Place {
        host: host.to_owned(),
        http_port: ground.ports().http,
        dns_port: ground.ports().dns,
        doors: federation.members.iter().map(|member| (member.region.clone(), member.address)).collect(),
        network: ground.clients(federation.slot),
    };
    home(&watch, &place).await?;
    let load = Load::start(place.clients(CLIENTS, rate, 0));
    let stretching: Vec<(u32, Load)> = STRETCHED
        .into_iter()
        .filter(|_| run.stretched)
        .map(|least| (least, Load::start(place.clients(CLIENTS, STRETCHED_RATE, least))))
        .collect();
    sleep(run.calm).await;

    let interest = watch.closely();
    let victim = federation.members.first().context("a federation without members")?;
    let onset = Instant::now();
    match run.death {
        Death::Killed => federation.kill(victim).await?,
        Death::Frozen => federation.freeze(victim).await?,
    }
    wait_until(PATIENCE, "a verdict", async || {
        verdict(&watch.since("bench", onset)).with_context(|| format!("{:?}", watch.latest("bench")))
    })
    .await?;
    sleep(Duration::from_secs(5)).await;
    drop(interest);
    let last = Duration::from_secs_f64(MOMENTS[MOMENTS.len() - 1]) + REST;
    sleep((onset + last).saturating_duration_since(Instant::now())).await;
    let (load_started, seen) = (load.started(), watch.since("bench", onset));
    let records = load.stop().await;
    let living: Vec<String> = REGIONS.iter().skip(1).map(|region| (*region).to_owned()).collect();
    let trial = Trial {
        gateway: Gateway::Dead,
        victim: VICTIM,
        living: &living,
        onset,
        seen: &seen,
        load_started,
        records: &records,
    };
    let measured = measure(&trial, run.death.words(), run.death.to_string())
        .with_context(|| format!("{seen:#?}\n{}", records.complaints()))?;
    let stretched = stretched(stretching, &living, onset).await;
    Ok((measured, stretched))
}

async fn home(watch: &Watch, place: &Place) -> Result<()> {
    wait_until(PATIENCE, "a federation to be well", async || {
        let latest = watch.latest("bench");
        ensure!(latest.len() == REGIONS.len(), "only {:?} know it", latest.keys());
        ensure!(latest.values().all(|seen| seen.well && seen.away == 0), "{latest:?}");
        place.is_home(TTL_SECONDS).await
    })
    .await
}

async fn stretched(loads: Vec<(u32, Load)>, living: &[String], onset: Instant) -> Vec<Stretched> {
    if !loads.is_empty() {
        sleep((onset + STRETCHED_REST).saturating_duration_since(Instant::now())).await;
    }
    let mut found = Vec::new();
    for (least_seconds, load) in loads {
        let load_started = load.started();
        let records: Records = load.stop().await;
        let trial = Trial {
            gateway: Gateway::Dead,
            victim: VICTIM,
            living,
            onset,
            seen: &[],
            load_started,
            records: &records,
        };
        found.push(Stretched { least_seconds, left_s: trial.left(onset) });
    }
    found
}
