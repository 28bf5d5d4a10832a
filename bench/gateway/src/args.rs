//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::case::Case;
use crate::proxies::Kind;

/// Measures the region gateway beside its rivals.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Case `plain`, our gateway and `HAProxy`, one round of 2 s: whether the harness works. Leaves docs/ alone.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these proxies [default: all].
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<Kind>,
    /// Only these cases [default: all].
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// How often all is measured; the medians count [default: 2].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Seconds of each load [default: 3].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Requests a second of the load for latencies, the same for all proxies.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) rate: u32,
    /// The gateway's program [default: the one beside this program].
    #[arg(long)]
    pub(crate) gateway: Option<PathBuf>,
    /// The folder with the rivals and h2load, filled by rivals.sh.
    #[arg(long, default_value = "rivals")]
    pub(crate) rivals: PathBuf,
    /// Where gateway.json goes [default: target/bench in the repository].
    #[arg(long)]
    out: Option<PathBuf>,
    /// The page whose generated part is written, with its plot beside it [default: docs/gateway-bench.md].
    #[arg(long)]
    document: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// What else than conducting.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Part {
    /// Write the page and the plot again from the figures of the last run.
    Report,
}

/// Where results go.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The folder of the figures.
    pub(crate) out: PathBuf,
    /// The page; none if it shall stay as it is.
    pub(crate) document: Option<PathBuf>,
}

impl Args {
    /// Where results go: a part of a run says nothing worth a page, unless it is told which.
    pub(crate) fn places(&self) -> Places {
        let partial = self.quick || !self.proxies.is_empty() || !self.cases.is_empty();
        let page = (!partial).then(|| root().join("docs/gateway-bench.md"));
        Places {
            out: self.out.clone().unwrap_or_else(|| root().join("target/bench")),
            document: self.document.clone().or(page),
        }
    }

    pub(crate) fn proxies(&self) -> Vec<Kind> {
        let quick: &[Kind] = if self.quick { &[Kind::Spillway, Kind::Haproxy] } else { Kind::ALL };
        if self.proxies.is_empty() { quick.to_vec() } else { self.proxies.clone() }
    }

    pub(crate) fn cases(&self) -> Vec<Case> {
        let quick: &[Case] = if self.quick { &[Case::Plain] } else { Case::ALL };
        if self.cases.is_empty() { quick.to_vec() } else { self.cases.clone() }
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 2 })
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(if self.quick { 2 } else { 3 }))
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
