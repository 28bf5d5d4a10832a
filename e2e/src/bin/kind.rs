//! `kind`: the stories on kind clusters, with the images, the chart and `kubectl spillway join`. `make e2e` runs it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use spillway_e2e::kind::{Federation, stories};

/// Raise a hub and members on kind, tell the stories, and take all of it down.
#[derive(Parser)]
struct Cli {
    /// How many members
    #[arg(long, env = "REGIONS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    regions: u8,
    /// Where the programs are: spillway-controller, region-gateway, kubectl-spillway, world
    #[arg(long, env = "SPILLWAY_BIN_DIR")]
    programs: Option<PathBuf>,
    /// Where kubeconfigs, images and the logs of a failure go
    #[arg(long, default_value = "target/e2e")]
    output: PathBuf,
    /// Leave the clusters up
    #[arg(long, env = "KEEP", num_args = 0..=1, default_missing_value = "1", default_value = "0", value_parser = clap::builder::BoolishValueParser::new())]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(missing) = missing() {
        println!("e2e: SKIPPED: {missing}");
        return ExitCode::SUCCESS;
    }
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("e2e: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Why it cannot run here, if it cannot.
fn missing() -> Option<String> {
    for (program, argument) in [("docker", "version"), ("kind", "version"), ("kubectl", "help")] {
        match Command::new(program).arg(argument).output() {
            Ok(output) if output.status.success() => {}
            Ok(_) => return Some(format!("`{program} {argument}` fails: does Docker's engine run?")),
            Err(_) => return Some(format!("{program} is not on PATH")),
        }
    }
    None
}

async fn run(cli: Cli) -> Result<()> {
    let near = std::env::current_exe()?.parent().context("a directory")?.to_owned();
    let programs = cli.programs.unwrap_or(near);
    std::fs::create_dir_all(&cli.output)?;
    let output = cli.output.canonicalize()?;
    let federation = Federation::raise(cli.regions.into(), &programs, &output).await?;
    let told = stories::tell(&federation).await;
    if told.is_err() {
        eprintln!("e2e: logs are kept in {}", federation.keep(&output).await?.display());
    }
    if cli.keep {
        println!("e2e: the clusters stay; kubeconfigs are in {}", output.display());
    } else {
        federation.down().await?;
    }
    told
}
