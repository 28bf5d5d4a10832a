//! `world`: raises, shows, disturbs and drops a world by hand, and holds the helper processes of every world.

use std::net::SocketAddrV4;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use spillway_e2e::controlplane::Binaries;
use spillway_e2e::{backend, faultproxy, process};

/// A world of clusters and faults on this machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compile the control plane, if that was not done before.
    Build,
    /// The supervisor of one world: claims a number, then starts what it is asked to, until stdin ends.
    #[command(hide = true)]
    Supervise,
    /// The demo backends of one region.
    #[command(hide = true)]
    Backend {
        #[arg(long)]
        region: String,
        #[arg(long)]
        control: SocketAddrV4,
        #[arg(long)]
        state: PathBuf,
    },
    /// The fault proxy of one world.
    #[command(hide = true)]
    Faultproxy {
        #[arg(long)]
        links: PathBuf,
        #[arg(long)]
        control: SocketAddrV4,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match Cli::parse().command {
        Command::Build => build(),
        Command::Supervise => process::supervisor::supervise(&std::env::temp_dir()).await,
        Command::Backend { region, control, state } => backend::server::serve(region, control, state).await,
        Command::Faultproxy { links, control } => {
            let text = std::fs::read(&links).with_context(|| format!("read {}", links.display()))?;
            faultproxy::server::serve(serde_json::from_slice(&text)?, control).await
        }
    }
}

fn build() -> Result<()> {
    let binaries = Binaries::find_or_build(&mut |progress| eprintln!("world: {progress}"))?;
    println!("{}", binaries.apiserver.display());
    Ok(())
}
