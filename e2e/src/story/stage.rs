//! A world on which several stories are told, side by side or one after the other.

use std::sync::Arc;

use anyhow::Result;
use spillway_crds::RegionPrioritySpec;

use super::{Chronicle, Scene};
use crate::world::{Options, World};

/// The regions of every stage, in the order of their priority.
pub const REGIONS: [&str; 3] = ["shenzhen", "chengdu", "beijing"];

/// A world with its chronicle.
#[derive(Clone)]
pub struct Stage {
    /// The world.
    pub world: Arc<World>,
    /// What its gateways believed and answered.
    pub chronicle: Chronicle,
}

impl Stage {
    /// Raises a world of one hub and three members, all of it running.
    pub async fn raise(name: &str) -> Result<Self> {
        // It changes nothing until an operator orders a game day.
        let gateway_flags = vec!["--allow-gameday".to_owned()];
        let options = Options { name: name.to_owned(), gateway_flags, ..Options::members(&REGIONS) };
        let world = Arc::new(World::raise(options).await?);
        Ok(Self { chronicle: Chronicle::begin(Arc::clone(&world)), world })
    }

    /// Sets a scene: see [`Scene::set`].
    pub async fn scene(&self, name: &str, tune: impl FnOnce(&mut RegionPrioritySpec)) -> Result<Scene> {
        Scene::set(self.clone(), name, tune).await
    }
}
