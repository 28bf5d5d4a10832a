//! The placement map beside its rivals: `make bench-placement`.
//!
//! One program plays every part. Without a command it conducts: it runs each case several times, each time in a
//! fresh child process (this same program with `fill`, `hub` or `by-name`, or the Go program in `go/`), and writes figures,
//! tables and a plot. What is measured, and how, is told in docs/placement-bench.md.

mod args;
mod by_name;
mod case;
mod conduct;
mod figures;
mod fill;
mod hub;
mod machine;
mod maps;
mod memory;
mod report;
mod round;
mod sequence;
mod spread;
mod tally;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    match &args.part {
        Some(args::Part::Fill(case)) => fill::run(case),
        Some(args::Part::Hub(play)) => hub::run(play),
        Some(args::Part::ByName(walk)) => by_name::run(walk),
        Some(args::Part::Report) => report::again(&args.places()),
        None => conduct::run(&args),
    }
}
