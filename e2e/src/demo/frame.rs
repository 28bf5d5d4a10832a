//! One look at the world: everything that the demo knows at one moment, as plain data.
//!
//! Table, lines, milestones, summary and picture are all functions of frames. So the whole story can be told
//! in a test from invented frames, and what the summary says is what the table showed.

use std::collections::BTreeMap;

use spillway_decide::{Verdict, report};

use crate::load::{RegionView, Totals};

/// What is seen at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    /// Seconds since the traffic began.
    pub at: f64,
    /// What each region's gateway says of the demo's priority; a gateway that does not answer is absent.
    pub gateways: BTreeMap<String, report::PriorityView>,
    /// What each region's DNS server answers; one that does not answer is absent.
    pub dns: BTreeMap<String, DnsView>,
    /// What each region's backends served over the last seconds.
    pub traffic: BTreeMap<String, RegionView>,
    /// The number of clients.
    pub clients: usize,
    /// How many of them are at each region's front door.
    pub clients_at: BTreeMap<String, usize>,
    /// Counts since the start.
    pub totals: Totals,
}

/// What a DNS server answers for the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsView {
    /// Whose front door it sends people to.
    pub region: String,
    /// For how long.
    pub ttl_seconds: u32,
}

impl Frame {
    /// The verdict of `region`'s gateway on its own region.
    #[must_use]
    pub fn verdict(&self, region: &str) -> Option<Verdict> {
        Some(self.gateways.get(region)?.regions.get(region)?.verdict)
    }

    /// How much of its own arrivals `region` serves itself, in percent.
    #[must_use]
    pub fn kept_percent(&self, region: &str) -> Option<u32> {
        Some(self.gateways.get(region)?.shares.get(region).copied().unwrap_or(0))
    }

    /// Whether every client is at a region's front door.
    #[must_use]
    pub fn all_clients_at(&self, region: &str) -> bool {
        self.clients > 0 && self.clients_of(region) == self.clients
    }

    /// The number of clients at a region's front door.
    #[must_use]
    pub fn clients_of(&self, region: &str) -> usize {
        self.clients_at.get(region).copied().unwrap_or(0)
    }
}
