//! `kubectl spillway`: what the regions are doing, for people at a terminal.
//!
//! `status` and `explain` read the hub and change nothing. What it prints is what the gateways decided and the hub mirrors in
//! status; `kubectl get` shows the same objects, one line each.

mod explain;
mod hub;
mod join;
mod report;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use k8s_openapi::jiff::Timestamp;

use hub::Hub;
use report::Report;

/// See which region carries the traffic, and why.
#[derive(Parser)]
#[command(name = "kubectl-spillway", bin_name = "kubectl spillway", version)]
struct Cli {
    #[command(flatten)]
    cluster: Cluster,
    #[command(subcommand)]
    command: Command,
}

/// Which cluster is the hub.
#[derive(Args)]
struct Cluster {
    /// The kubeconfig of the hub; else `KUBECONFIG`, else the default place
    #[arg(long, global = true, value_name = "PATH")]
    kubeconfig: Option<PathBuf>,
    /// The context to use; else the current one
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// One row for each region of each `RegionPriority`, and one for each member
    Status {
        /// How to print
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
    /// The whole story of one thing
    Explain {
        #[command(subcommand)]
        thing: Thing,
    },
    Join(join::Join),
    Unjoin(join::Unjoin),
}

#[derive(Subcommand)]
enum Thing {
    /// A region: its verdicts against their bounds, where its arrivals go, its members
    Region {
        /// Name of the region
        name: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// Columns
    Table,
    /// The same as JSON
    Json,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let Cluster { kubeconfig, context } = cli.cluster;
    let text = match cli.command {
        Command::Join(what) => join::join(what, join::Access { kubeconfig, context }).await?,
        Command::Unjoin(what) => join::unjoin(what, join::Access { kubeconfig, context }).await?,
        Command::Status { output } => {
            let report = Hub::connect(kubeconfig, context).await?.report().await?;
            status(output, &report)?
        }
        Command::Explain { thing: Thing::Region { name } } => {
            let report = Hub::connect(kubeconfig, context).await?.report().await?;
            explain::region(&report, &name, Timestamp::now())?
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn status(output: Output, report: &Report) -> Result<String> {
    match output {
        Output::Table => Ok(table::status(report, Timestamp::now())),
        Output::Json => Ok(serde_json::to_string_pretty(report)? + "\n"),
    }
}
