//! `bench-failover`: failovers, many at once, with the gateway alive and dead; figures, page and picture.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use spillway_e2e::failover::{Options, conduct, figures, page, write_generated};
use tracing_subscriber::EnvFilter;

/// Measure failovers.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Runs with the gateway alive.
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Runs with the gateway dead.
    #[arg(long, default_value_t = 100)]
    dead_runs: usize,
    /// More dead runs, whose clients' resolvers stretch TTLs.
    #[arg(long, default_value_t = 3)]
    stretched_runs: usize,
    /// How many go on at one time.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=50))]
    parallel: u16,
    /// Requests a second of each run.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// All chance follows from it.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Two runs with the gateway alive and one with it dead, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Where the rows go, as JSON.
    #[arg(long, default_value = "target/bench/failover.json")]
    out: PathBuf,
    /// A page whose generated part is to be replaced; the picture goes beside it.
    #[arg(long)]
    document: Option<PathBuf>,
}

impl Cli {
    fn options(&self) -> Options {
        let (runs, dead_runs, stretched_runs) =
            if self.quick { (2, 1, 0) } else { (self.runs, self.dead_runs, self.stretched_runs) };
        let parallel = usize::from(self.parallel);
        Options { runs, dead_runs, stretched_runs, parallel, seed: self.seed, rate: self.rate.max(1.0) }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,kube_client=off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&Cli::parse()).await {
        Ok(all_measured) if all_measured => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench-failover: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every run could be measured.
async fn run(cli: &Cli) -> Result<bool> {
    let options = cli.options();
    println!("seed {}", options.seed);
    let findings = conduct(&options).await?;
    let rows = figures::rows(&findings.runs, options.parallel, options.seed);
    write(&cli.out, &(serde_json::to_string_pretty(&rows)? + "\n"))?;
    write(&cli.out.with_extension("runs.json"), &(serde_json::to_string(&findings.runs)? + "\n"))?;
    let (text, picture) = page::report(&options, &findings)?;
    println!("\n{text}");
    if let Some(document) = &cli.document {
        write_generated(document, "make bench-failover", &text)?;
        write(&document.with_extension("svg"), &picture)?;
    }
    Ok(findings.failed.is_empty())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
