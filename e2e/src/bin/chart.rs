//! `chart`: writes what is made of the chart (its README, its CRDs, the permissions in docs/security.md), or runs Helm.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use spillway_e2e::chart::{documents, helm::Helm};

/// The Helm chart's documents, and Helm.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the documents.
    Documents,
    /// Run Helm, compiled from its Go module where that was not done before.
    Helm {
        /// For Helm.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chart: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Documents => documents::write()?.iter().for_each(|path| println!("{}", path.display())),
        Command::Helm { arguments } => {
            let helm = Helm::find_or_build(&mut |progress| eprintln!("chart: {progress}"))?;
            let helm = helm.context("there is neither Go nor a Helm that HELM names")?;
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            print!("{}", helm.succeed(&arguments)?);
        }
    }
    Ok(())
}
