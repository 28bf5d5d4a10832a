//! `demo`: a region fails over and comes home, on real control planes, before your eyes.
//!
//! The exit code is 0 only if the story came true; 1 if not, 130 after Ctrl-C.

use std::process::ExitCode;

use clap::{Parser, builder::FalseyValueParser};
use spillway_e2e::demo::tell;
use tokio::signal::unix::{SignalKind, signal};

/// Watch a region fail over and come home.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Leave the world up, and print what to try in it.
    #[arg(long, env = "KEEP", value_parser = FalseyValueParser::new())]
    keep: bool,
}

/// What shells expect of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // The losing branch is dropped, and the world with it: its supervisor ends all that belongs to it.
    tokio::select! {
        told = tell(cli.keep) => Ok(if told?.came_true { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        _ = interrupt.recv() => Ok(ExitCode::from(INTERRUPTED)),
        _ = terminate.recv() => Ok(ExitCode::from(INTERRUPTED)),
    }
}
