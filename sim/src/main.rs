//! `spillway-sim`: plays worlds in virtual time.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use spillway_detection::replay::replay;
use spillway_detection::table::rows_table;
use spillway_sim::run::{Outcome, Play};
use spillway_sim::shrink::shrink;
use spillway_sim::world::{Millis, Wish, World, generate};
use spillway_sim::worlds::{Summary, judge, play_many};

/// Federations in virtual time: the real decisions, random worlds, invariants in every step.
#[derive(Parser)]
#[command(version)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays the world of one seed.
    Run {
        /// The seed.
        #[arg(long)]
        seed: u64,
        /// So many regions, 1 to 64, instead of what the seed says.
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
        regions: Option<u8>,
        /// Prints everything that happened.
        #[arg(long)]
        trace: bool,
    },
    /// Plays the worlds of many seeds; those that break an invariant are made small and printed.
    Worlds {
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        count: u64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// So many regions, 1 to 64, in all of them.
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
        regions: Option<u8>,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// How many of the failing worlds are made small.
        #[arg(long, default_value_t = 3)]
        shrink: usize,
        /// Where the small worlds are written.
        #[arg(long, default_value = "target/sim")]
        out: PathBuf,
    },
    /// Puts a labelled trace to the product's detector: recall, false shifts, delays.
    Replay {
        /// CSV with the columns `timestamp`, `requests`, `errors`, `latency_p95_ms`, `label`.
        file: PathBuf,
    },
    /// Plays a world from a file, as `worlds` writes it, and prints everything that happened.
    ReplayWorld {
        /// The file.
        file: PathBuf,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Flags::parse().command {
        Command::Run { seed, regions, trace } => Ok(run(&generate(seed, wish(regions)), trace)),
        Command::Worlds { count, from, regions, threads, shrink, out } => {
            let summary = play_many(from, count, threads, wish(regions), &|seed, violation| {
                eprintln!("seed {seed}: {}: {}", violation.invariant, violation.message);
            });
            print_summary(&summary);
            for seed in summary.failures.keys().take(shrink) {
                make_small(*seed, wish(regions), &out)?;
            }
            Ok(code(summary.failures.is_empty()))
        }
        Command::Replay { file } => {
            let rows = replay(&file).with_context(|| file.display().to_string())?;
            print!("{}", rows_table(rows.iter()));
            Ok(ExitCode::SUCCESS)
        }
        Command::ReplayWorld { file } => {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            let world: World =
                serde_json::from_str(&text).with_context(|| format!("{} is no world", file.display()))?;
            world.check().with_context(|| format!("{} is no world", file.display()))?;
            Ok(run(&world, true))
        }
    }
}

fn wish(regions: Option<u8>) -> Wish {
    Wish { regions: regions.map(usize::from) }
}

fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(world: &World, trace: bool) -> ExitCode {
    let outcome = judge(world, Play { tell: true, lie: None });
    if trace || outcome.violation.is_some() {
        print!("{}", outcome.story);
    }
    print_outcome(world, &outcome);
    code(outcome.violation.is_none())
}

fn print_outcome(world: &World, outcome: &Outcome) {
    let tally = &outcome.tally;
    println!(
        "{} regions, {} of virtual time, {} requests ({} spilled, {} lost), {} steps of deciding",
        world.regions.len(),
        seconds(tally.lasted),
        tally.requests,
        tally.spilled,
        tally.lost,
        tally.steps
    );
    match (&outcome.violation, tally.converged_after) {
        (Some(broken), _) => {
            println!("BROKEN at {}: {}: {}", seconds(broken.at), broken.invariant, broken.message);
        }
        (None, Some(after)) => {
            println!("all invariants held; converged {} after the last trouble", seconds(after));
        }
        (None, None) => println!("all invariants held; convergence was not judged"),
    }
}

fn print_summary(summary: &Summary) {
    println!("worlds            {}", summary.worlds);
    for (size, count) in &summary.sizes {
        println!("  of {size:2} regions   {count}");
    }
    println!("virtual time      {:.1} h", hours(summary.virtual_time));
    let tally = &summary.tally;
    println!("requests          {} ({} spilled, {} lost)", tally.requests, tally.spilled, tally.lost);
    println!("steps of deciding {}", tally.steps);
    let mut times = summary.convergence.clone();
    times.sort_unstable();
    if let (Some(p50), Some(p99), Some(max)) = (quantile(&times, 50), quantile(&times, 99), times.last()) {
        println!("converged after   p50 {}, p99 {}, max {}", seconds(p50), seconds(p99), seconds(*max));
    }
    println!("judged");
    for (name, count) in &summary.judged {
        println!("  {name:30} {count}");
    }
    println!("failures          {}", summary.failures.len());
    for (seed, broken) in &summary.failures {
        println!("  seed {seed}: at {} {}: {}", seconds(broken.at), broken.invariant, broken.message);
    }
}

fn quantile(sorted: &[Millis], percent: usize) -> Option<Millis> {
    sorted.get(sorted.len() * percent / 100).copied()
}

fn make_small(seed: u64, wish: Wish, out: &std::path::Path) -> anyhow::Result<()> {
    let world = generate(seed, wish);
    let Some(broken) = judge(&world, Play::default()).violation else { return Ok(()) };
    let small = shrink(&world, broken.invariant, Play::default());
    std::fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let file = out.join(format!("world-{seed}.json"));
    std::fs::write(&file, serde_json::to_string_pretty(&small)?)
        .with_context(|| format!("writing {}", file.display()))?;
    println!("\nseed {seed}, made small: `spillway-sim replay-world {}`", file.display());
    let outcome = judge(&small, Play { tell: true, lie: None });
    print!("{}", outcome.story);
    print_outcome(&small, &outcome);
    Ok(())
}

fn seconds(millis: Millis) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn hours(millis: Millis) -> f64 {
    millis as f64 / 3_600_000.0
}
