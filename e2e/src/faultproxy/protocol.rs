//! Links and rules as the fault proxy's control port takes them.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

/// A listening socket and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// What rules call it.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddrV4,
    /// Where it leads.
    pub target: SocketAddrV4,
}

/// A disturbance of a link for those who connect from one /24, or for everyone else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The link's name.
    pub link: String,
    /// Any address of the /24 that it is for; without it, for everyone whom no other rule of the link names.
    pub from: Option<Ipv4Addr>,
    /// What happens; nothing takes the rule away.
    pub disturbance: Option<Disturbance>,
}

/// What happens on a disturbed link. TCP only: DNS over UDP is not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Disturbance {
    /// Every byte arrives this much later, in each direction.
    Delay {
        /// One way; a round trip takes twice as long.
        milliseconds: u64,
    },
    /// A black hole: connections are accepted, established ones stay, no byte passes.
    Drop,
    /// Established connections are reset, and so is every new one.
    Cut,
}
