//! The stories: what must come true when a region fails, on real control planes, with real DNS and real connections.
//!
//! One file a story. They share one world and run side by side, each on a scene of its own; `s05` tells the ones about
//! verdicts again in a world whose hub is dead. Stories that break what others need are in `tests/disasters`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod recovery;
mod s01_federation;
mod s05_without_hub;
mod s08_slow_everywhere;
mod s12_one_bad_route;
mod slow_region;
mod time_to_live;
mod worlds;
