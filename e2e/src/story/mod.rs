//! What a story is told with: a [`Stage`] (a world, and a chronicle of what its gateways believe and answer), and on
//! it any number of [`Scene`]s side by side, each with its own host, backends and `RegionPriority`.
//!
//! Verdicts are reached for each priority, so a scene whose backends are slow does not disturb the next one: ten
//! stories of thirty seconds take thirty seconds, not five minutes.

mod chronicle;
mod manifest;
mod scene;
mod stage;
mod visit;

pub use chronicle::{Chronicle, Entry};
pub use manifest::{apply, federated_ingress, region_priority};
pub use scene::{Fault, Scene};
pub use stage::{REGIONS, Stage};
pub use visit::{Visit, visit, visit_at};
