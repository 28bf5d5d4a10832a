//! What can go wrong, and for how long.

use serde::{Deserialize, Serialize};

use super::Millis;

/// Something that goes wrong with a region from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The region's number.
    pub region: usize,
    /// What.
    pub what: What,
    /// From when.
    pub from: Millis,
    /// Until when.
    pub until: Millis,
    /// The number of the only route that it is about; none: the whole region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<usize>,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// So many percent of requests fail.
    Errors(u32),
    /// So many percent of requests take two to four seconds.
    Slow(u32),
    /// So many percent of requests are never answered.
    Hang(u32),
    /// Only so many percent of the capacity are there.
    Shortage(u32),
    /// The gateway is dead; when it is back it has its configuration and no memory.
    Dead,
    /// Nothing passes between the region and this one.
    Cut(usize),
    /// The region opens no connection to this one; the other way they open.
    OneWay(usize),
    /// So many percent of messages between the region and this one are lost.
    Lossy(usize, u32),
    /// Messages between the region and this one take so many milliseconds longer.
    Laggy(usize, u64),
    /// Nothing passes between the region and any other; its clients reach it.
    Island,
    /// Nothing passes between the region with these and all others.
    Partition(Vec<usize>),
    /// The region reaches no witness.
    NoWitness,
}

impl Fault {
    /// Whether it is on at this moment.
    #[must_use]
    pub const fn is_on(&self, now: Millis) -> bool {
        self.from <= now && now < self.until
    }

    /// Whether it is on at any moment from `from` to `until`.
    #[must_use]
    pub const fn touches(&self, from: Millis, until: Millis) -> bool {
        self.from <= until && from < self.until
    }

    /// Whether it concerns connections that `one` opens to `other`.
    #[must_use]
    pub fn is_between(&self, one: usize, other: usize) -> bool {
        let pair = |far: usize| (one, other) == (self.region, far) || (other, one) == (self.region, far);
        match &self.what {
            What::Cut(far) | What::Lossy(far, _) | What::Laggy(far, _) => pair(*far),
            What::OneWay(far) => (one, other) == (self.region, *far),
            What::Island => one == self.region || other == self.region,
            What::Partition(with) => {
                let inside = |region: usize| region == self.region || with.contains(&region);
                inside(one) != inside(other)
            }
            What::Errors(_)
            | What::Slow(_)
            | What::Hang(_)
            | What::Shortage(_)
            | What::Dead
            | What::NoWitness => false,
        }
    }

    /// Percent of requests that it spoils; 0 for what spoils none by itself.
    #[must_use]
    pub const fn spoils(&self) -> u32 {
        match self.what {
            What::Errors(percent) | What::Slow(percent) | What::Hang(percent) => percent,
            _ => 0,
        }
    }

    /// Whether all regions that it names are among so many.
    #[must_use]
    pub fn is_of(&self, size: usize) -> bool {
        let far = match &self.what {
            What::Cut(far) | What::OneWay(far) | What::Lossy(far, _) | What::Laggy(far, _) => *far,
            What::Partition(with) => with.iter().copied().max().unwrap_or(0),
            _ => 0,
        };
        self.region < size && far < size
    }

    /// The same fault in a world without a region; none if it is that region's.
    pub(super) fn without(&self, region: usize) -> Option<Self> {
        let shifted = |number: usize| match number {
            number if number == region => None,
            number => Some(number - usize::from(number > region)),
        };
        let what = match &self.what {
            What::Cut(far) => What::Cut(shifted(*far)?),
            What::OneWay(far) => What::OneWay(shifted(*far)?),
            What::Lossy(far, percent) => What::Lossy(shifted(*far)?, *percent),
            What::Laggy(far, by) => What::Laggy(shifted(*far)?, *by),
            What::Partition(with) => What::Partition(with.iter().filter_map(|far| shifted(*far)).collect()),
            other => other.clone(),
        };
        Some(Self { region: shifted(self.region)?, what, ..*self })
    }
}
