//! Where it matters: a hub that is fed its placements while reconciles go on.
//!
//! The hub is a tokio runtime with a worker a core. Two feeders, as watches would, write the rows of one object
//! after the other at a stated rate. Reconciles arrive from outside at a stated rate, whatever the hub does: a
//! reconcile that waits makes no other one arrive later (no coordinated omission). Each looks an object up by name,
//! reads the rows of all its members, lets `spillway_decide` plan, and writes the rows. Its time runs from
//! when its arrival was due to its end; so it holds the wait for a processor and for a worker, which a stall of the map
//! causes as well.

mod conduct;
mod holder;
mod play;
mod reconcile;

use clap::Args;

pub(crate) use conduct::conduct;

use crate::case::Map;

/// What a child is told to play.
#[derive(Debug, Clone, Args)]
pub(crate) struct Play {
    /// Which map holds the rows: spillway or std.
    #[arg(long)]
    pub(crate) map: Map,
    /// How many rows are fed.
    #[arg(long)]
    pub(crate) entries: u32,
    /// How many rows are fed a second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rows_per_second: u32,
    /// How many reconciles arrive a second.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) reconciles_per_second: u32,
}

/// Plays once and prints the times of all reconciles, in nanoseconds, as a line of JSON.
pub(crate) fn run(play: &Play) -> anyhow::Result<()> {
    let times = match play.map {
        Map::Spillway => play::play::<holder::Ours>(play)?,
        Map::Std => play::play::<holder::Std>(play)?,
        other => anyhow::bail!("no hub is built on {}; allowed: spillway, std", other.name()),
    };
    println!("{}", serde_json::to_string(&times)?);
    Ok(())
}
