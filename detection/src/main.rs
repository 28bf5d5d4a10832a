//! `bench-detection`: the scenario bank under every detector, and traces from files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use rayon::prelude::*;
use spillway_detection::bank::{PROMISED_VOLUME, bank};
use spillway_detection::detect::KINDS;
use spillway_detection::figures::{Row, Score, rows};
use spillway_detection::ideal::MAY_BE_FALSE;
use spillway_detection::ordinary::{INCIDENTS, Ordinary, quiet_breaches, run_years};
use spillway_detection::replay::replay;
use spillway_detection::trial::{Outcome, run_all};
use spillway_detection::truth::Promise;
use spillway_detection::{plot, table};

/// How well degradation is told from noise.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put every detector to the scenario bank and to ordinary noise.
    Run(Run),
    /// Put a labelled trace to the product and to a fixed threshold.
    Replay {
        /// CSV with the columns `timestamp`, `requests`, `errors`, `latency_p95_ms`, `label`.
        file: PathBuf,
    },
}

#[derive(Args)]
struct Run {
    /// All chance follows from it.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Region-years of ordinary noise.
    #[arg(long, default_value_t = 4)]
    years: u64,
    /// Where the rows go, as JSON.
    #[arg(long, default_value = "target/bench/detection.json")]
    json: PathBuf,
    /// A document whose generated part is to be replaced.
    #[arg(long)]
    document: Option<PathBuf>,
    /// Where the picture goes, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Only trials of this volume, to look at something.
    #[arg(long)]
    volume: Option<u32>,
    /// Print each trial that the product got wrong.
    #[arg(long)]
    wrong: bool,
}

fn main() -> Result<()> {
    match Options::parse().command {
        Command::Run(options) => run(&options),
        Command::Replay { file } => {
            let rows = replay(&file).with_context(|| file.display().to_string())?;
            print!("{}", table::rows_table(rows.iter()));
            Ok(())
        }
    }
}

fn run(options: &Run) -> Result<()> {
    let promise = Promise::default();
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let trials = bank(options.seed).into_iter();
    let trials = trials.filter(|trial| options.volume.is_none_or(|volume| trial.volume == volume));
    let outcomes: Vec<Outcome> =
        trials.collect::<Vec<_>>().into_par_iter().map(|trial| run_all(trial, &promise)).collect();
    if options.wrong {
        print_wrong(&outcomes);
    }
    let ordinary = run_years(options.years, options.seed, KINDS, &promise);
    let rows = rows(&names, &outcomes, &ordinary);
    write(&options.json, &(serde_json::to_string_pretty(&rows)? + "\n"))?;
    let text = document(options, &names, &outcomes, &rows, &ordinary);
    println!("{text}");
    if let Some(path) = &options.document {
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        write(path, &table::replace(&old, &text).with_context(|| path.display().to_string())?)?;
    }
    if let Some(path) = &options.plot {
        write(path, &picture(&outcomes)?)?;
    }
    Ok(())
}

/// The generated part of the document.
fn document(
    options: &Run,
    names: &[&str],
    outcomes: &[Outcome],
    rows: &[Row],
    ordinary: &Ordinary,
) -> String {
    let today = jiff::Zoned::now().date();
    let mut text = format!("`make bench-detection` on {today}, seed {}.\n\n", options.seed);
    text += &table::by_scope(rows);
    let _ = writeln!(text, "What the product caught from 100 requests a second on, by kind of fault:\n");
    text += &table::caught_by_family(outcomes, PROMISED_VOLUME);
    let _ = writeln!(text, "\nWhat the product caught, by intensity, length and volume:\n");
    text += &table::caught_by_volume(outcomes);
    let _ = writeln!(
        text,
        "\nWhat no test could better: at 1.1 times the bound, the part of faults of errors that is caught by who knows when one may \
         begin and end, and is wrong in {:.1} % of equal stretches at 0.9 times the bound (`detection/src/ideal.rs`):\n",
        100.0 * MAY_BE_FALSE
    );
    text += &table::best_possible(&[31, 35, 60, 300, 1800]);
    for (volume, words) in [(0, "Of the whole bank"), (PROMISED_VOLUME, "From 100 requests a second on")] {
        let (expected, missed, all) = table::missed_near_the_bound(outcomes, volume);
        let _ = writeln!(
            text,
            "\n{words} it would miss {expected:.0} of the {all} faults at 1.1 times the bound, and the product missed {missed}."
        );
    }
    let _ = writeln!(
        text,
        "\nHow long after the hold it caught them, from 100 requests a second on (slow drains, which pass the bound \
         only little by little, by themselves):\n"
    );
    text += &table::delay_by_intensity(outcomes);
    let _ = writeln!(text, "\nWhere traffic moved for no fault:\n");
    text += &table::false_by_family(names, outcomes);
    let _ = writeln!(
        text,
        "\nOrdinary noise: {} region-years, {} incidents ({} more add up to a fault by definition and are not counted):\n",
        ordinary.region_years,
        ordinary.incidents - ordinary.faults,
        ordinary.faults
    );
    for (a_day, words, ..) in INCIDENTS {
        let _ = writeln!(text, "- {a_day} a day: {words}");
    }
    let _ = write!(
        text,
        "\nBetween incidents nothing is simulated: there at most {:.0e} windows a region-year break a bound.",
        quiet_breaches()
    );
    text
}

/// Faults caught over time, at the promised volume.
fn picture(outcomes: &[Outcome]) -> Result<String> {
    let promised = || outcomes.iter().filter(|outcome| outcome.trial.volume >= PROMISED_VOLUME);
    let line = |(place, kind): (usize, &spillway_detection::detect::Kind)| {
        let score = Score::of(promised(), place);
        plot::Line {
            name: format!("{}, false in {}", kind.name, table::part(score.wrong, score.negatives)),
            delays: score.delays.iter().map(|(delay, _)| *delay).collect(),
            faults: score.faults,
        }
    };
    let lines: Vec<plot::Line> = KINDS.iter().enumerate().map(line).collect();
    plot::draw(&lines, "Faults caught, from 100 requests a second on")
}

fn print_wrong(outcomes: &[Outcome]) {
    use spillway_detection::trial::Judgement::{False, Missed};
    for Outcome { trial, truth, reactions } in outcomes {
        let Some(reaction) = reactions.first() else { continue };
        let judgement = reaction.judge(truth.class);
        if matches!(judgement, False | Missed) {
            let plain = if truth.plain { "plain" } else { "fine" };
            println!(
                "{judgement:?} ({plain}): {}, {} at {} req/s, seed {}: {:?}, {reaction:?}",
                trial.family, trial.detail, trial.volume, trial.seed, truth.class
            );
        }
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
