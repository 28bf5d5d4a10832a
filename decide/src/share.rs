//! Where the arrivals of one gateway go, and which client goes where.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::hash::stable;

/// One region's part of a gateway's own arrivals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The region that serves them.
    pub region: String,
    /// Percent of the arrivals.
    pub percent: u32,
}

/// Shares that make 100 percent, the region that clients belong to first.
///
/// Clients are points on a line from 0 to 9999. The first share takes the upper end of the line and the
/// others follow downwards, so that a first share that shrinks or grows moves only the clients at its edge,
/// and all gateways draw the same line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares(Vec<Share>);

const POINTS: u32 = 10_000;
const POINTS_PER_PERCENT: u32 = POINTS / 100;

impl Shares {
    /// Everything to one region.
    #[must_use]
    pub fn all(region: &str) -> Self {
        Self(vec![Share { region: region.to_owned(), percent: 100 }])
    }

    /// `percent` to `home`, the rest to `rest`.
    #[must_use]
    pub fn split(home: &str, percent: u32, rest: &str) -> Self {
        let percent = percent.min(100);
        if percent == 100 || home == rest {
            return Self::all(home);
        }
        if percent == 0 {
            return Self::all(rest);
        }
        Self(vec![
            Share { region: home.to_owned(), percent },
            Share { region: rest.to_owned(), percent: 100 - percent },
        ])
    }

    /// The shares, none of them zero.
    #[must_use]
    pub fn as_slice(&self) -> &[Share] {
        &self.0
    }

    /// The same by name.
    #[must_use]
    pub fn by_region(&self) -> std::collections::BTreeMap<String, u32> {
        self.0.iter().map(|share| (share.region.clone(), share.percent)).collect()
    }

    /// Percent that goes to `region`.
    #[must_use]
    pub fn percent(&self, region: &str) -> u32 {
        self.0.iter().filter(|share| share.region == region).map(|share| share.percent).sum()
    }

    /// The region that serves this client.
    #[must_use]
    pub fn region_of(&self, client: IpAddr) -> Option<&str> {
        let point = point(client);
        let mut floor = POINTS;
        for share in &self.0 {
            floor = floor.saturating_sub(share.percent * POINTS_PER_PERCENT);
            if point >= floor {
                return Some(&share.region);
            }
        }
        self.0.last().map(|share| share.region.as_str())
    }
}

/// `shenzhen 35 %, chengdu 65 %`.
impl fmt::Display for Shares {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, Share { region, percent }) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(formatter, "{comma}{region} {percent} %")?;
        }
        Ok(())
    }
}

/// The client's place on the line.
fn point(client: IpAddr) -> u32 {
    let hash = match client {
        IpAddr::V4(address) => stable(address.octets()),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => stable(mapped.octets()),
            None => stable(address.octets()),
        },
    };
    u32::try_from(hash % u64::from(POINTS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn client(bits: u32) -> IpAddr {
        Ipv4Addr::from_bits(bits).into()
    }

    proptest! {
        #[test]
        fn a_growing_spill_moves_only_whom_it_takes(bits: u32, low in 0_u32..=100, high in 0_u32..=100) {
            let (low, high) = (low.min(high), low.max(high));
            let before = Shares::split("home", 100 - low, "away");
            let after = Shares::split("home", 100 - high, "away");
            if before.region_of(client(bits)) == Some("away") {
                prop_assert_eq!(after.region_of(client(bits)), Some("away"));
            }
        }

        #[test]
        fn shares_make_a_hundred(percent in 0_u32..200) {
            let shares = Shares::split("home", percent, "away");
            prop_assert_eq!(shares.as_slice().iter().map(|share| share.percent).sum::<u32>(), 100);
        }
    }

    #[test]
    fn neighbours_are_spread() {
        for percent in [5, 10, 65] {
            let shares = Shares::split("home", percent, "away");
            let base = u32::from_be_bytes([127, 1, 200, 0]);
            let home = (0..20_000).filter(|n| shares.region_of(client(base + n)) == Some("home")).count();
            let expected = usize::try_from(percent * 200).unwrap();
            assert!(home.abs_diff(expected) < 400, "{percent} %: {home} of 20000");
        }
    }

    #[test]
    fn a_mapped_address_is_its_v4_self() {
        let v4 = Ipv4Addr::new(10, 1, 2, 3);
        assert_eq!(point(v4.into()), point(v4.to_ipv6_mapped().into()));
    }
}
