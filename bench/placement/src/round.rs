//! Which cases there are.

use crate::{
    args::Args,
    case::{Allocator, Order},
};

/// A case of all maps. Maps take turns within a run, so that a slow minute of the machine hits them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// How many rows.
    pub(crate) entries: u32,
    /// In which order they are inserted.
    pub(crate) order: Order,
    /// What the process does before.
    pub(crate) allocator: Allocator,
}

const QUICK: [u32; 2] = [10_000, 100_000];
const FULL: [u32; 5] = [10_000, 100_000, 1_000_000, 4_000_000, 10_000_000];
/// The size at which the workloads that are not judged run.
const BESIDE: u32 = 4_000_000;

/// Every size in the order of a hub on a cold allocator, which is judged; random order and a warm allocator at one
/// size only, so that a whole run stays within some twenty minutes.
pub(crate) fn rounds(args: &Args) -> Vec<Round> {
    let sizes: &[u32] = match &args.sizes[..] {
        [] if args.quick => &QUICK,
        [] => &FULL,
        given => given,
    };
    let beside = sizes.iter().find(|entries| **entries == BESIDE).or(sizes.last()).copied();
    let judged = sizes.iter().map(|entries| (*entries, Order::Hub, Allocator::Cold));
    let others = [(Order::Random, Allocator::Cold), (Order::Hub, Allocator::Warm)];
    let others = others.into_iter().filter_map(|(order, allocator)| Some((beside?, order, allocator)));
    judged.chain(others).map(|(entries, order, allocator)| Round { entries, order, allocator }).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn sizes(flags: &[&str], judged: bool) -> Vec<u32> {
        let args = Args::parse_from(["bench"].iter().chain(flags));
        let is_judged = |r: &Round| (r.order, r.allocator) == (Order::Hub, Allocator::Cold);
        rounds(&args)
            .into_iter()
            .filter(|round| is_judged(round) == judged)
            .map(|round| round.entries)
            .collect()
    }

    #[test]
    fn every_size_is_judged_and_one_has_the_other_workloads_beside_it() {
        assert_eq!((sizes(&[], true), sizes(&[], false)), (FULL.to_vec(), vec![BESIDE; 2]));
        assert_eq!(sizes(&["--quick"], false), vec![100_000; 2]);
        assert_eq!(sizes(&["--sizes", "7,9"], false), vec![9; 2]);
    }
}
