//! What a gateway's DNS answers for the hosts of a priority.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::peer::Peer;
use crate::priority::{Intent, Mode, Priority};
use crate::standing::Standing;
use crate::verdict::Verdict;

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

impl Answer {
    /// The same for no longer than a suspicion lets it live.
    #[must_use]
    pub(crate) fn under_suspicion(self, priority: &Priority) -> Self {
        Self { ttl_seconds: self.ttl_seconds.min(priority.dns.suspect_ttl_seconds), ..self }
    }
}

/// The answer of region `me`'s gateway: the first region that is well, and if none is, the last answer. It
/// leaves a region only for one that is within its bounds and that this gateway reaches: everybody being unwell
/// is no reason to send people around.
#[must_use]
pub fn answer(
    me: &str,
    priority: &Priority,
    standings: &[Standing],
    peers: &[Peer],
    last: Option<&str>,
    suspicion: bool,
) -> Option<Answer> {
    let ordered = in_order(me, priority, standings);
    let reachable = |region: &str| peers.iter().any(|peer| peer.region == region && has_door(peer));
    let known: Vec<&Standing> = ordered.into_iter().filter(|standing| reachable(&standing.region)).collect();
    let current = last.filter(|last| known.iter().any(|standing| standing.region == *last));
    let chosen = known
        .iter()
        .find(|standing| suits(standing, current))
        .or_else(|| known.iter().find(|standing| Some(standing.region.as_str()) == current))
        .or_else(|| known.first())?;
    // A better region whose door is not known is one that is about to come.
    let first = in_order(me, priority, standings).first().map(|standing| standing.region.as_str());
    let expecting = first.is_some_and(|first| !reachable(first));
    let answer = Answer {
        region: chosen.region.clone(),
        addresses: addresses(&chosen.region, peers),
        ttl_seconds: priority.dns.ttl_seconds,
    };
    Some(if suspicion || expecting { answer.under_suspicion(priority) } else { answer })
}

/// The regions in the order in which this gateway's clients should get them.
fn in_order<'a>(me: &str, priority: &Priority, standings: &'a [Standing]) -> Vec<&'a Standing> {
    let mut ordered: Vec<&Standing> = standings.iter().collect();
    if priority.mode == Mode::Local {
        ordered.sort_by_key(|standing| standing.region != me);
    }
    ordered
}

fn suits(standing: &Standing, current: Option<&str>) -> bool {
    let stays = current.is_none_or(|current| current == standing.region) && standing.keeps_its_own();
    stays || standing.intent == Intent::Pinned || standing.takes_more()
}

/// Whether any region that people want is not Healthy in this gateway's eyes.
#[must_use]
pub fn suspicion(standings: &[Standing]) -> bool {
    standings
        .iter()
        .any(|standing| standing.intent != Intent::Drained && standing.verdict != Verdict::Healthy)
}

fn has_door(peer: &Peer) -> bool {
    !peer.front_door.addresses.is_empty()
}

/// One address of each member before the second of any.
fn addresses(region: &str, peers: &[Peer]) -> Vec<IpAddr> {
    let doors: Vec<&[IpAddr]> = peers
        .iter()
        .filter(|peer| peer.region == region)
        .map(|peer| peer.front_door.addresses.as_slice())
        .collect();
    let longest = doors.iter().map(|door| door.len()).max().unwrap_or(0);
    let mut found = Vec::new();
    for address in (0..longest).flat_map(|nth| doors.iter().filter_map(move |door| door.get(nth))) {
        if !found.contains(address) && found.len() < MAX_ADDRESSES {
            found.push(*address);
        }
    }
    found
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
