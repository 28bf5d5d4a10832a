//! `world`: raises, shows, disturbs and drops a world by hand, and holds the helper processes of every world.

mod fault;
mod show;

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use spillway_e2e::controlplane::Binaries;
use spillway_e2e::world::{Options, World};
use spillway_e2e::{backend, faultproxy, process};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

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
    /// Raise a world that stays until `world down`.
    Up(Up),
    /// The worlds that stand on this machine.
    List,
    /// Kubeconfigs, addresses and processes of a world.
    Show { number: u8 },
    /// Break something in a world, or mend it.
    Fault {
        number: u8,
        #[command(subcommand)]
        fault: fault::Fault,
    },
    /// End a world.
    Down { number: u8 },
    /// Raise a world, print its number, and wait: it ends with this process.
    #[command(hide = true)]
    Hold(Up),
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

#[derive(Args)]
struct Up {
    /// A name for people.
    #[arg(long, default_value = "")]
    name: String,
    /// The members' region names; none is a hub alone.
    #[arg(long, value_delimiter = ',', default_value = "shenzhen,chengdu,beijing")]
    members: Vec<String>,
    /// Only control planes and backends: no controller, no gateways.
    #[arg(long)]
    without_programs: bool,
    /// No gateways.
    #[arg(long)]
    without_gateways: bool,
}

impl Up {
    fn options(&self) -> Options {
        let members: Vec<&str> =
            self.members.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let options = match (members.is_empty(), self.without_programs) {
            (true, _) => Options::single_plane(),
            (false, true) => Options::without_programs(&members),
            (false, false) => Options::members(&members),
        };
        let gateways = options.gateways && !self.without_gateways;
        Options { name: self.name.clone(), gateways, ..options }
    }
}

fn main() -> ExitCode {
    let done = Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let done = runtime.block_on(run());
        // A supervisor may still have a thread that reads its lifeline: do not wait for that.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The chain of causes in one line; a backtrace through an async runtime helps nobody.
        Err(error) => {
            eprintln!("world: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let command = Cli::parse().command;
    if !matches!(command, Command::Supervise) {
        log_to_stderr();
    }
    match command {
        Command::Build => build(),
        Command::Up(up) => {
            let world = World::raise(up.options()).await?;
            show::show(&world).await?;
            world.detach().map(drop)
        }
        Command::List => {
            show::list();
            Ok(())
        }
        Command::Show { number } => show::show(&World::attach(number).await?).await,
        Command::Fault { number, fault } => fault::apply(&World::attach(number).await?, fault).await,
        Command::Down { number } => World::attach(number).await?.down().await,
        Command::Hold(up) => {
            let world = World::raise(up.options()).await?;
            println!("{}", world.number());
            std::future::pending::<()>().await;
            drop(world);
            Ok(())
        }
        Command::Supervise => process::supervisor::supervise(&std::env::temp_dir()).await,
        Command::Backend { region, control, state } => backend::server::serve(region, control, state).await,
        Command::Faultproxy { links, control } => {
            let text = std::fs::read(&links).with_context(|| format!("read {}", links.display()))?;
            faultproxy::server::serve(serde_json::from_slice(&text)?, control).await
        }
    }
}

fn log_to_stderr() {
    // What `kube` says about API servers that are not ready yet is no news here.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,kube_client=off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn build() -> Result<()> {
    let binaries = Binaries::find_or_build(&mut |progress| eprintln!("world: {progress}"))?;
    println!("{}", binaries.apiserver.display());
    Ok(())
}
