//! Whether a region keeps its promise.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a region is, from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Within its bounds, or without an opinion yet.
    #[default]
    Healthy,
    /// Out of bounds, for less than the hold.
    Suspected,
    /// Within its bounds again: traffic comes home by steps.
    Recovering,
    /// Out of bounds for the hold: traffic leaves.
    Degraded,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Healthy => "Healthy",
            Self::Suspected => "Suspected",
            Self::Recovering => "Recovering",
            Self::Degraded => "Degraded",
        })
    }
}
