//! Failovers one after the other and many at once, measured from outside: what `make bench-failover` runs.
//!
//! A run is one fault of one region, from its onset until 48 seconds after the verdict (gateway alive) or after the
//! death (gateway dead). Times come from one process and its one clock: the throw of the fault's switch, the requests of
//! the clients, and what every gateway shows at `/debug/state`.
//!
//! - [`plan`]: which faults, drawn from a seed
//! - [`alive`]: faults of backends, in a world of real control planes
//! - [`dead`]: gateways killed and frozen, in federations of gateways that run from files
//! - [`federation`]: such federations
//! - [`watch`]: what gateways show, and when
//! - [`measure`]: from all that to the figures of one run
//! - [`figures`], [`page`], [`plot`]: the figures of all runs, for machines and for people

mod alive;
mod conduct;
mod dead;
pub mod federation;
pub mod figures;
mod machine;
pub mod measure;
pub mod page;
mod place;
pub mod plan;
mod plot;
mod watch;

pub use conduct::{Findings, conduct};
pub use machine::{Busy, describe};
pub use page::write_generated;
pub use plan::Options;
