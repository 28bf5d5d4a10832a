//! What a gateway's DNS answers for the hosts of a priority.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// At most so many addresses, so that an answer fits one small datagram.
pub const MAX_ADDRESSES: usize = 4;

/// One region's addresses, never none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The region that clients are sent to.
    pub region: String,
    /// Its front door, at most [`MAX_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// How long they may remember it.
    pub ttl_seconds: u32,
}
