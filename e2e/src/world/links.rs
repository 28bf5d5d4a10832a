//! Faults of links: delay, drop, cut, heal.

use std::net::SocketAddrV4;

use anyhow::Result;

use super::address::{Addresses, at};
use super::{Link, World};
use crate::faultproxy::{Disturbance, Rule};
use crate::requests;

impl World {
    /// Disturbs a link until [`World::heal`].
    pub async fn disturb(&self, link: &Link, disturbance: Disturbance) -> Result<()> {
        self.set_rules(link, Some(disturbance)).await
    }

    /// Ends the disturbance of a link.
    pub async fn heal(&self, link: &Link) -> Result<()> {
        self.set_rules(link, None).await
    }

    /// Cuts every link of a region to all others, both ways, and to the clients: the region is gone from the net.
    pub async fn isolate(&self, region: &str) -> Result<()> {
        for other in self.regions().iter().filter(|other| *other != region) {
            self.disturb(&Link::between(region, other), Disturbance::Cut).await?;
        }
        self.disturb(&Link::Clients(region.to_owned()), Disturbance::Cut).await
    }

    /// The rules that disturb links now.
    pub async fn disturbances(&self) -> Result<Vec<Rule>> {
        requests::get(self.proxy_control(), "/rules").await
    }

    pub(super) async fn heal_links(&self) -> Result<()> {
        requests::delete(self.proxy_control(), "/rules").await
    }

    pub(super) fn proxy_control(&self) -> SocketAddrV4 {
        at(Addresses::of(self.number(), 0).control(), self.ports().control)
    }

    async fn set_rules(&self, link: &Link, disturbance: Option<Disturbance>) -> Result<()> {
        for region in link.regions() {
            self.addresses(region)?;
        }
        // Every region was found just now.
        let addresses = |region: &str| self.addresses(region).unwrap_or(Addresses::of(self.number(), 0));
        for (link, from) in link.targets(self.number(), addresses) {
            requests::put(self.proxy_control(), "/rules", &Rule { link, from, disturbance }).await?;
        }
        Ok(())
    }
}
