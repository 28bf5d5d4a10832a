//! Which hubs are played, and their runs, each in a child of its own.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use super::Play;
use crate::{
    case::Map,
    figures::HubFigure,
    machine,
    spread::{Runs, Spread},
};

/// 10,000 objects on 37 members; and a hub that is large enough for std's map to double from 3.67 M rows on.
const HUBS: [(u32, u32); 2] = [(370_000, 185_000), (4_000_000, 800_000)];
/// To see that it works.
const QUICK: [(u32, u32); 1] = [(37_000, 370_000)];
/// A busy hub: 74,000 rows looked at a second.
const RECONCILES_PER_SECOND: u32 = 2000;

/// Plays every hub with each map in turn. The children may use every core.
pub(crate) fn conduct(this: &Path, runs: u32, quick: bool) -> anyhow::Result<Vec<HubFigure>> {
    let hubs: &[(u32, u32)] = if quick { &QUICK } else { &HUBS };
    let mut figures = vec![];
    for (entries, rows_per_second) in hubs {
        let plays = [Map::Spillway, Map::Std].map(|map| Play {
            map,
            entries: *entries,
            rows_per_second: *rows_per_second,
            reconciles_per_second: RECONCILES_PER_SECOND,
        });
        let mut all = plays.each_ref().map(|_| vec![]);
        for _ in 0..runs {
            for (play, runs) in plays.iter().zip(&mut all) {
                runs.push(child(this, play)?);
            }
        }
        figures.extend(plays.iter().zip(all).map(|(play, runs)| figure(play, runs)));
        eprintln!("a hub of {entries} rows");
    }
    Ok(figures)
}

fn child(this: &Path, play: &Play) -> anyhow::Result<Vec<u32>> {
    let flags = [
        ("--map", play.map.name()),
        ("--entries", play.entries.to_string()),
        ("--rows-per-second", play.rows_per_second.to_string()),
        ("--reconciles-per-second", play.reconciles_per_second.to_string()),
    ];
    let flags = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
    let output = Command::new(this).arg("hub").args(flags).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "a hub on {} ended with {}", play.map.name(), output.status);
    serde_json::from_slice(&output.stdout).context("a hub said something else than times")
}

fn figure(play: &Play, runs: Vec<Vec<u32>>) -> HubFigure {
    let (count, all) = (runs.len(), runs.concat());
    let mut maxima = Runs::default();
    for run in runs {
        maxima.add(run);
    }
    let reconciles = all.len();
    let spread = Spread::of(all);
    HubFigure {
        map: play.map,
        entries: play.entries,
        rows_per_second: play.rows_per_second,
        reconciles_per_second: play.reconciles_per_second,
        runs: u32::try_from(count).unwrap_or(u32::MAX),
        reconciles,
        p50_us: spread.quantile_us(0.5),
        p99_us: spread.quantile_us(0.99),
        p999_us: spread.quantile_us(0.999),
        max_us: spread.max_us(),
        run_max_us: maxima.run_max_us(),
        date: machine::date(),
        commit: machine::commit(),
    }
}
