//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::{
    by_name::Walk,
    case::{Fill, Map},
    hub::Play,
};

/// Measures the placement map beside its rivals.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Sizes to 100,000 rows, 2 runs, and a small hub: whether the harness works, in seconds. Leaves docs/ alone.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these maps.
    #[arg(long, value_delimiter = ',')]
    pub(crate) maps: Vec<Map>,
    /// Only these numbers of rows.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) sizes: Vec<u32>,
    /// Runs of each case [default: 5].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: Option<u32>,
    /// Leave the hub out; its figures stay as the last run left them.
    #[arg(long)]
    pub(crate) no_hub: bool,
    /// Only the hub; the other figures stay as the last run left them. For a machine that was not quiet all along.
    #[arg(long, conflicts_with_all = ["maps", "sizes", "no_hub"])]
    pub(crate) only_hub: bool,
    /// Where figures go [default: target/bench in the repository].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// The page whose generated part is written, with its plot beside it [default: docs/placement-bench.md].
    #[arg(long)]
    pub(crate) docs: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// What else than conducting.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Write the page and the plot again from the figures of the last run.
    Report,
    /// Fill one map once; a child of the conductor.
    #[command(hide = true)]
    Fill(Fill),
    /// Play one hub once; a child of the conductor.
    #[command(hide = true)]
    Hub(Play),
    /// Insert and get by name once; a child of the conductor.
    #[command(hide = true)]
    ByName(Walk),
}

/// Where results go.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The folder of the figures.
    pub(crate) out: PathBuf,
    /// The page; none if it shall stay as it is.
    pub(crate) docs: Option<PathBuf>,
}

impl Args {
    /// Where results go: a quick run says nothing worth a page, unless it is told which.
    pub(crate) fn places(&self) -> Places {
        let partial = self.quick || self.no_hub || !self.maps.is_empty() || !self.sizes.is_empty();
        let page = (!partial).then(|| root().join("docs/placement-bench.md"));
        Places {
            out: self.out.clone().unwrap_or_else(|| root().join("target/bench")),
            docs: self.docs.clone().or(page),
        }
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
