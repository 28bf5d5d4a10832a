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
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // The losing branch is dropped, and the world with it: its supervisor ends all that belongs to it.
    let told = tokio::select! {
        told = tell(cli.keep) => told,
        interrupted = interrupted() => match interrupted {
            Ok(()) => return ExitCode::from(INTERRUPTED),
            Err(error) => Err(error.into()),
        },
    };
    match told {
        Ok(told) if told.came_true => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Without the backtrace that `Debug` adds: what is wrong is in the world, not in here.
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
