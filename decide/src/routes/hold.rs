//! When an absence is too large to be believed.
//!
//! A list that came back short may be a server that was restored without its data. What is served stays until
//! what is missing is back, or until a person says that it is meant.

use std::fmt;

/// How much a config holds of what people would miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Routes that somebody can serve.
    pub routes: usize,
    /// Region priorities.
    pub priorities: usize,
    /// Peers.
    pub peers: usize,
}

/// What more than half is missing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What it is.
    pub what: &'static str,
    /// How many there were.
    pub before: usize,
    /// How many there would be.
    pub after: usize,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, before, after } = self;
        write!(formatter, "it would leave {after} of {before} {what}, fewer than half")
    }
}

/// The first thing that more than half would go of, routes before all.
#[must_use]
pub fn loss(before: &Holdings, after: &Holdings) -> Option<Loss> {
    [
        ("routes that can be served", before.routes, after.routes),
        ("region priorities", before.priorities, after.priorities),
        ("peers", before.peers, after.peers),
    ]
    .into_iter()
    .find(|(_, before, after)| after * 2 < *before)
    .map(|(what, before, after)| Loss { what, before, after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_is_too_much() {
        let routes = |routes| Holdings { routes, ..Holdings::default() };
        for (before, after, held) in [
            (0, 0, false),
            (1, 0, true),
            (2, 1, false),
            (3, 1, true),
            (10, 5, false),
            (10, 4, true),
            (4, 9, false),
        ] {
            assert_eq!(loss(&routes(before), &routes(after)).is_some(), held, "{before} to {after}");
        }
    }

    #[test]
    fn what_steers_traffic_counts_as_well() {
        let before = Holdings { routes: 4, priorities: 1, peers: 2 };
        assert_eq!(
            loss(&before, &Holdings { priorities: 0, ..before }).map(|loss| loss.what),
            Some("region priorities")
        );
        let loss = loss(&before, &Holdings { peers: 0, ..before }).unwrap();
        assert_eq!(loss.to_string(), "it would leave 0 of 2 peers, fewer than half");
    }
}
