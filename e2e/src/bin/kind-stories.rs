//! `kind-stories`: the stories on kind clusters, with the images, the chart and `kubectl spillway join`. `make e2e` runs it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use spillway_e2e::kind::{Federation, Images, Ledger, Parts, stories};
use tokio::signal::unix::{SignalKind, signal};

/// Raise a hub and members on kind, tell the stories, and take all of it down.
#[derive(Parser)]
struct Cli {
    /// How many members
    #[arg(long, env = "REGIONS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    regions: u8,
    /// Where the programs are: spillway-controller, region-gateway, kubectl-spillway, world
    #[arg(long, env = "SPILLWAY_BIN_DIR")]
    programs: Option<PathBuf>,
    /// The folder of `make image`'s archives; else images are made of the programs
    #[arg(long)]
    images: Option<PathBuf>,
    /// A checkout of an older version, with its images in `images`: it is installed first, and `new-version` upgrades it
    #[arg(long, env = "FROM")]
    from: Option<PathBuf>,
    /// Only these stories, by name, with commas between
    #[arg(long, env = "STORIES", default_value = "")]
    stories: String,
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
    let stories = stories::chosen(&cli.stories, cli.keep)?;
    let near = std::env::current_exe()?.parent().context("a directory")?.to_owned();
    std::fs::create_dir_all(&cli.output)?;
    let dir = cli.output.canonicalize()?;
    let ledger = Ledger::open(&dir)?;
    for name in ledger.names()? {
        eprintln!("e2e: ending {name}, which a run that was killed has left");
    }
    ledger.end_all().await?;
    let _ = std::fs::remove_dir_all(dir.join("failed"));
    let images = cli.images.map_or(Images::Development, Images::Release);
    let (regions, programs) = (cli.regions.into(), cli.programs.unwrap_or(near));
    let parts = Parts { regions, programs, images, from: cli.from, dir };
    let (told, keep) = tokio::select! {
        told = play(parts, &stories, &ledger, cli.keep) => (told, cli.keep),
        signal = ended() => (signal, false),
    };
    if keep {
        println!("e2e: kubeconfigs are in {}", cli.output.display());
        println!("e2e: the clusters stay; `kind delete clusters {}` ends them", ledger.names()?.join(" "));
        ledger.forget()?;
    } else {
        ledger.end_all().await?;
    }
    told
}

async fn play(parts: Parts, stories: &[stories::Story], ledger: &Ledger, keep: bool) -> Result<()> {
    let began = Instant::now();
    let mut federation = Federation::raise(parts, ledger).await?;
    println!("from nothing to joined members: {:.0} s", began.elapsed().as_secs_f64());
    let told = stories::tell(&mut federation, ledger, stories).await;
    if told.is_err() {
        eprintln!("e2e: logs are kept in {}", federation.keep().await?.display());
    } else if keep {
        println!("{}", federation.guide()?);
    }
    told
}

/// An error when somebody ends us: what was made is taken down all the same.
async fn ended() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => bail!("interrupted; the clusters are taken down"),
        _ = terminate.recv() => bail!("terminated; the clusters are taken down"),
    }
}
