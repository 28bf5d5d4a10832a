//! A case: which map, how many rows, in which order, on which state of the allocator.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Members of the federation: rows an object.
pub(crate) const MEMBERS: u32 = 37;

/// A map that is measured. Only the first is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Map {
    /// `spillway_placement::PlacementMap`.
    Spillway,
    /// `std::collections::HashMap`.
    Std,
    /// `hashbrown::HashMap`: the same table as std's, with a faster hasher.
    Hashbrown,
    /// `griddle::HashMap`: hashbrown that moves its rows little by little.
    Griddle,
    /// `papaya::HashMap`: concurrent, readers without locks.
    Papaya,
    /// `scc::HashMap`: concurrent, grows by small steps.
    Scc,
    /// `dashmap::DashMap`: shards of hashbrown.
    Dashmap,
    /// `std::collections::BTreeMap`.
    Btreemap,
    /// Go's own map, in a Go program.
    Go,
}

impl Map {
    /// All of them, in the order of the tables.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The name in figures and on the command line.
    pub(crate) fn name(self) -> String {
        word(&self)
    }
}

/// The order in which rows are inserted. They are got in two ways whatever it was: all rows shuffled, and objects
/// shuffled with the rows of each in turn, as reconciles read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Object by object, the rows of all its members: what a hub's start and its reconciles do.
    Hub,
    /// Every pair of object and member once, shuffled; the objects are known to the map beforehand.
    Random,
}

/// What the process has done with memory before the map is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Allocator {
    /// Nothing: every page is new and costs a fault.
    Cold,
    /// It has touched and freed as much as any map needs, and the allocator has kept it.
    Warm,
}

/// What a run is for. Clocks cost time, so the two are never read off the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pass {
    /// The time of every insert.
    Clock,
    /// The time of all inserts and of all gets, and the memory.
    Throughput,
}

/// What a child is told to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Fill {
    /// Which map.
    #[arg(long)]
    pub(crate) map: Map,
    /// How many rows.
    #[arg(long)]
    pub(crate) entries: u32,
    /// In which order they are inserted.
    #[arg(long)]
    pub(crate) order: Order,
    /// What the process does before.
    #[arg(long)]
    pub(crate) allocator: Allocator,
    /// What is measured.
    #[arg(long)]
    pub(crate) pass: Pass,
    /// The folder with the shuffled sequences, where the times are put.
    #[arg(long)]
    pub(crate) work: PathBuf,
}

impl Fill {
    /// The same on a command line; the Go program understands it, too.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let pairs = [
            ("--map", word(&self.map)),
            ("--entries", self.entries.to_string()),
            ("--order", word(&self.order)),
            ("--allocator", word(&self.allocator)),
            ("--pass", word(&self.pass)),
            ("--work", self.work.display().to_string()),
        ];
        pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

/// What a run for throughput found; a child prints it as one line of JSON.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// All inserts, in nanoseconds.
    pub(crate) insert_ns: u64,
    /// As many gets, in nanoseconds.
    pub(crate) get_ns: u64,
    /// The same gets, object by object, in nanoseconds.
    pub(crate) get_by_object_ns: u64,
    /// The most memory that was resident while the map was filled, without what the harness itself holds.
    pub(crate) peak_bytes: u64,
    /// What was still resident afterwards, without what the harness itself holds.
    pub(crate) settled_bytes: u64,
}

/// How many objects so many rows belong to.
pub(crate) fn objects(entries: u32) -> u32 {
    entries.div_ceil(MEMBERS)
}

/// How a choice is written on the command line and in figures.
pub(crate) fn word(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_object_may_have_fewer_rows() {
        assert_eq!((objects(37), objects(38), objects(1_000_000)), (1, 2, 27_028));
    }

    #[test]
    fn figures_and_command_line_name_maps_alike() {
        for map in Map::all() {
            assert_eq!(serde_json::to_value(map).unwrap(), serde_json::json!(map.name()));
        }
    }
}
