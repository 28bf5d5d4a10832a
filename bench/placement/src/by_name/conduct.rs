//! The ways, and their runs, each in a child of its own.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use clap::ValueEnum;

use super::{Times, Way};
use crate::{
    args::Args,
    case::{Map, word},
    figures::NameFigure,
    sequence,
};

/// The size, unless the command line names others.
const ENTRIES: u32 = 1_000_000;
/// To see that it works.
const QUICK: u32 = 10_000;
/// The fastest counts.
const RUNS: u32 = 3;

/// Runs every way of the maps that are measured; ways take turns within a run.
pub(crate) fn conduct(this: &Path, work: &Path, args: &Args) -> anyhow::Result<Vec<NameFigure>> {
    let wanted = |map: Map| args.maps.is_empty() || args.maps.contains(&map);
    let ways: Vec<Way> = Way::value_variants().iter().copied().filter(|way| wanted(way.map())).collect();
    let (entries, runs) = (entries(args), args.runs.unwrap_or(RUNS).min(RUNS));
    sequence::prepare(work, entries)?;
    let mut all: Vec<Vec<Times>> = ways.iter().map(|_| vec![]).collect();
    for _ in 0..runs {
        for (way, times) in ways.iter().zip(&mut all) {
            times.push(child(this, work, *way, entries)?);
        }
    }
    eprintln!("{entries} rows by name");
    Ok(ways.iter().zip(all).map(|(way, times)| figure(*way, entries, &times)).collect())
}

fn entries(args: &Args) -> u32 {
    match args.sizes[..] {
        [] if args.quick => QUICK,
        [.., last] if !args.sizes.contains(&ENTRIES) => last,
        _ => ENTRIES,
    }
}

fn child(this: &Path, work: &Path, way: Way, entries: u32) -> anyhow::Result<Times> {
    let mut command = Command::new(this);
    command.args(["by-name", "--way", &word(&way), "--entries", &entries.to_string(), "--work"]).arg(work);
    let output = command.env_remove("GLIBC_TUNABLES").stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the child for {} ended with {}", word(&way), output.status);
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the child for {} said something else than times", word(&way)))
}

fn figure(way: Way, entries: u32, times: &[Times]) -> NameFigure {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds for people, far below 2⁵²")]
    let fastest =
        |time: fn(&Times) -> u64| times.iter().map(time).min().unwrap_or(0) as f64 / f64::from(entries);
    NameFigure {
        map: way.map(),
        way,
        entries,
        runs: u32::try_from(times.len()).unwrap_or(u32::MAX),
        insert_ns: (way != Way::RowsOfObject).then(|| fastest(|times| times.insert_ns)),
        get_ns: fastest(|times| times.get_ns),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_fastest_run_counts_for_each_row() {
        let times = [(300, 500), (200, 900)].map(|(insert_ns, get_ns)| Times { insert_ns, get_ns });
        let found = figure(Way::EachRow, 100, &times);
        assert!(
            (found.insert_ns.unwrap() - 2.0).abs() < 1e-9 && (found.get_ns - 5.0).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(figure(Way::RowsOfObject, 100, &times).insert_ns, None, "it inserts nothing");
    }

    #[test]
    fn one_size_a_million_where_it_is_among_them() {
        let of = |flags: &[&str]| entries(&Args::parse_from(["bench"].iter().chain(flags)));
        assert_eq!((of(&[]), of(&["--quick"])), (ENTRIES, QUICK));
        assert_eq!((of(&["--sizes", "7,1000000,9"]), of(&["--sizes", "7,9"])), (ENTRIES, 9));
    }
}
