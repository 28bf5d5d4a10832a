//! What a whole run found, as it stands in JSON.

use std::{fs, io, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    by_name::Way,
    case::{Allocator, Map, Order},
};

/// One case, as a flat row. Times are intrinsic unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Which map.
    pub(crate) map: Map,
    /// How many rows.
    pub(crate) entries: u32,
    /// In which order they were inserted.
    pub(crate) order: Order,
    /// What the process had done before.
    pub(crate) allocator: Allocator,
    /// The longest insert.
    pub(crate) insert_max_us: f64,
    /// What 99.99 % of the inserts did not exceed.
    pub(crate) insert_p9999_us: f64,
    /// 99.9 %.
    pub(crate) insert_p999_us: f64,
    /// 99 %.
    pub(crate) insert_p99_us: f64,
    /// Half of them.
    pub(crate) insert_p50_us: f64,
    /// The median over the runs of the longest insert, with the machine's pauses.
    pub(crate) insert_run_max_us: f64,
    /// Million inserts a second, in the fastest run without clocks.
    pub(crate) insert_mops: f64,
    /// Million gets a second, in the fastest run without clocks: objects in random order and the rows of each in turn,
    /// as reconciles read them.
    pub(crate) get_mops: f64,
    /// The same, all rows in random order.
    pub(crate) get_random_mops: f64,
    /// The most memory that was resident, in megabytes (10⁶ bytes), the median of the runs. Not for a warm
    /// allocator, which holds what it was warmed with.
    pub(crate) rss_mb: Option<f64>,
    /// The memory that was resident after the last insert.
    pub(crate) rss_settled_mb: Option<f64>,
}

impl Figure {
    /// Whether it is a row that the targets are about.
    pub(crate) fn is_judged(&self) -> bool {
        self.order == Order::Hub && self.allocator == Allocator::Cold
    }
}

/// Reconcile times of a hub that is fed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HubFigure {
    /// Which map holds the rows.
    pub(crate) map: Map,
    /// How many rows are fed.
    pub(crate) entries: u32,
    /// How many rows a second.
    pub(crate) rows_per_second: u32,
    /// How many reconciles a second.
    pub(crate) reconciles_per_second: u32,
    /// Runs.
    pub(crate) runs: u32,
    /// Reconciles of all runs.
    pub(crate) reconciles: usize,
    /// Half of the reconciles took at most this, from arrival to end.
    pub(crate) p50_us: f64,
    /// 99 %.
    pub(crate) p99_us: f64,
    /// 99.9 %.
    pub(crate) p999_us: f64,
    /// The longest of all runs.
    pub(crate) max_us: f64,
    /// The median over the runs of the longest.
    pub(crate) run_max_us: f64,
    /// When, RFC 3339, UTC: it may have been at another time than the other figures.
    pub(crate) date: String,
    /// The commit.
    pub(crate) commit: String,
}

/// What a row costs where an object is asked for by name, in nanoseconds a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NameFigure {
    /// Which map.
    pub(crate) map: Map,
    /// How it is asked.
    pub(crate) way: Way,
    /// How many rows.
    pub(crate) entries: u32,
    /// Runs, of which the fastest counts.
    pub(crate) runs: u32,
    /// An insert; none where the way is one to read only.
    pub(crate) insert_ns: Option<f64>,
    /// A get.
    pub(crate) get_ns: f64,
}

/// On what, when and how it was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// Processor, cores, memory, kernel.
    pub(crate) machine: String,
    /// RFC 3339, UTC.
    pub(crate) date: String,
    /// The commit.
    pub(crate) commit: String,
    /// The command.
    pub(crate) command: String,
    /// Runs of each case.
    pub(crate) runs: u32,
    /// What reading the clock twice takes, in nanoseconds (median). It is in every clocked time.
    pub(crate) clock_ns: u64,
    /// How long it all took.
    pub(crate) seconds: u64,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    /// Every case.
    pub(crate) figures: Vec<Figure>,
    /// By name; empty if it was not measured.
    pub(crate) names: Vec<NameFigure>,
    /// The hub; empty if it was not measured.
    pub(crate) hub: Vec<HubFigure>,
    /// On what.
    pub(crate) setting: Setting,
}

const JUDGED: &str = "placement.json";
const ALL: &str = "placement-all.json";
const NAMES: &str = "placement-names.json";
const HUB: &str = "placement-hub.json";
const SETTING: &str = "placement-setting.json";

impl Findings {
    /// Writes them to a folder: what the targets are about in a file of its own.
    pub(crate) fn write(&self, out: &Path) -> anyhow::Result<()> {
        let judged: Vec<_> = self.figures.iter().filter(|figure| figure.is_judged()).collect();
        write(&out.join(JUDGED), &judged)?;
        write(&out.join(ALL), &self.figures)?;
        write(&out.join(NAMES), &self.names)?;
        write(&out.join(SETTING), &self.setting)?;
        self.write_hub(out)
    }

    /// Writes those of the hub and leaves the other files alone.
    pub(crate) fn write_hub(&self, out: &Path) -> anyhow::Result<()> {
        write(&out.join(HUB), &self.hub)
    }

    /// Reads what [`Self::write`] has written.
    pub(crate) fn read(out: &Path) -> anyhow::Result<Self> {
        let (all, setting) = (out.join(ALL), out.join(SETTING));
        let (names, hub) = (read_or_none(&out.join(NAMES))?, hub(out)?);
        Ok(Self { figures: read(&all)?, names, hub, setting: read(&setting)? })
    }
}

/// The hub as the last run that played it left it.
pub(crate) fn hub(out: &Path) -> anyhow::Result<Vec<HubFigure>> {
    read_or_none(&out.join(HUB))
}

fn write(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    fs::write(path, serde_json::to_string_pretty(value)? + "\n").with_context(|| path.display().to_string())
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    parse(path, &text)
}

/// The rows of a file; none if there is no such file.
fn read_or_none<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        text => parse(path, &text.with_context(|| path.display().to_string())?),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).with_context(|| path.display().to_string())
}
