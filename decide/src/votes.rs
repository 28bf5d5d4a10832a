//! What regions think of each other's front doors.

use serde::{Deserialize, Serialize};

/// One region's opinion of another region's front door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opinion {
    /// Not enough seen, or nothing new.
    #[default]
    Abstain,
    /// Within bounds.
    Good,
    /// Out of bounds for less than the hold; counts as no vote, but shortens the TTL.
    Suspect,
    /// Out of bounds for the hold.
    Bad,
}

/// An opinion as it travels: with its age, for clocks differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vote {
    /// The opinion.
    pub opinion: Opinion,
    /// Milliseconds since the newest probe that it rests on.
    pub age_milliseconds: u64,
    /// Milliseconds since it turned so: for Good, since the last bad probe.
    pub held_milliseconds: u64,
}
