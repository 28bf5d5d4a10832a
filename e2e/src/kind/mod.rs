//! A federation of kind clusters: Docker containers with real kubelets and pods, where the product comes from its images and
//! its chart and members are joined with `kubectl spillway join`. What the local world cannot show.
//!
//! - [`tool`]: Docker, kind and kubectl, as programs
//! - [`cluster`]: one kind cluster, and nothing of anybody else's
//! - [`ledger`]: whose clusters are whose, also after a run that was killed
//! - [`images`]: of `make image`, or of a development build
//! - [`edition`]: a chart and its images: what is installed, and what an upgrade leads to
//! - [`install`]: chart, members, the demo app
//! - [`federation`]: all of it, and the end of it
//! - [`guide`]: for who visits what was left up
//! - [`people`]: who ask the gateways' DNS, and are counted when they are lost
//! - [`stories`]: what is told there

pub mod cluster;
mod edition;
pub mod federation;
mod guide;
mod images;
mod install;
pub mod ledger;
mod people;
pub mod stories;
mod tool;

pub use federation::{Federation, Parts};
pub use images::Images;
pub use ledger::Ledger;
