//! `bench-traffic`: what the traffic loop costs a gateway of 37 regions and 10,000 routes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use spillway_e2e::cost::{Size, measure, table};
use spillway_e2e::failover::write_generated;

/// Measure the cost of the traffic loop.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Regions of the federation, one gateway each.
    #[arg(long, default_value_t = 37)]
    regions: usize,
    /// Routes of the measured gateway.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    routes: u32,
    /// Numbers of priorities to measure with, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1_u16, 4], value_parser = clap::value_parser!(u16).range(1..=1000))]
    priorities: Vec<u16>,
    /// Requests a second of users, in the second measurement of each.
    #[arg(long, default_value_t = 200.0)]
    users: f64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The gateway's program; by default the one beside this one. That of an image needs less memory.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Where the rows go, as JSON.
    #[arg(long, default_value = "target/bench/traffic.json")]
    out: PathBuf,
    /// A page whose generated part is to be replaced.
    #[arg(long)]
    document: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-traffic: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<()> {
    let mut rows = Vec::new();
    for priorities in &cli.priorities {
        let size = Size {
            regions: cli.regions,
            routes: usize::try_from(cli.routes)?,
            priorities: (*priorities).into(),
        };
        rows.extend(
            measure(cli.gateway.as_deref(), size, cli.users, Duration::from_secs(cli.seconds)).await?,
        );
    }
    if let Some(folder) = cli.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(&cli.out, serde_json::to_string_pretty(&rows)? + "\n")
        .with_context(|| cli.out.display().to_string())?;
    let text = table(cli.gateway.as_deref(), &rows);
    println!("{text}");
    match &cli.document {
        Some(document) => write_generated(document, "make bench-traffic", &text),
        None => Ok(()),
    }
}
