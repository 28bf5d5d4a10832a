//! Who votes on a region: all others, or of many seven, of which four decide.
//!
//! The seven are drawn by rendezvous hashing (Thaler and Ravishankar 1998): every pair of voter and region has a
//! score that never changes, and the highest scores vote. So all gateways draw the same seven without a word, and
//! when a region joins or leaves, the seven of another change by that one at most.

use crate::hash::stable;

/// So many vote on a region where there are more.
pub const MOST: usize = 7;

/// The regions among `names` that vote on `region`, in the order of `names`.
#[must_use]
pub fn of<'a>(region: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let others: Vec<&str> = names.into_iter().filter(|name| *name != region).collect();
    if others.len() <= MOST {
        return others;
    }
    let mut ranked: Vec<(u64, &str)> = others.iter().map(|voter| (score(region, voter), *voter)).collect();
    ranked.sort_unstable_by(|one, other| other.cmp(one));
    ranked.truncate(MOST);
    others.into_iter().filter(|other| ranked.iter().any(|(_, voter)| voter == other)).collect()
}

/// Names have no zero byte, so no two pairs look the same.
fn score(region: &str, voter: &str) -> u64 {
    stable(region.bytes().chain([0]).chain(voter.bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::votes::Tally;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|nth| format!("region-{nth}")).collect()
    }

    fn voters<'a>(names: &'a [String], region: &str) -> BTreeSet<&'a str> {
        of(region, names.iter().map(String::as_str)).into_iter().collect()
    }

    #[test]
    fn how_many_vote_and_how_many_decide() {
        for (regions, seats, quorum) in [
            (1, 0, 1),
            (2, 1, 1),
            (3, 2, 2),
            (4, 3, 2),
            (5, 4, 3),
            (7, 6, 4),
            (8, 7, 4),
            (9, 7, 4),
            (37, 7, 4),
            (64, 7, 4),
        ] {
            let names = names(regions);
            let drawn = voters(&names, "region-0");
            assert_eq!(drawn.len(), seats, "of {regions}");
            assert!(!drawn.contains("region-0"));
            let tally = Tally::count(u32::try_from(seats).unwrap(), []);
            assert_eq!(tally.quorum(), quorum, "of {regions}");
        }
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let there = names(37);
        let back: Vec<String> = there.iter().rev().cloned().collect();
        for region in &there {
            assert_eq!(voters(&there, region), voters(&back, region));
        }
    }

    #[test]
    fn whoever_joins_or_leaves_changes_one_voter_at_most() {
        let all = names(38);
        let mut changed = 0;
        for gone in 0..all.len() {
            let rest: Vec<String> = all.iter().filter(|name| **name != all[gone]).cloned().collect();
            for region in &rest {
                let (before, after) = (voters(&all, region), voters(&rest, region));
                let left: Vec<_> = before.difference(&after).collect();
                assert!(left.is_empty() || left == [&all[gone].as_str()], "{region}: {left:?}");
                changed += left.len();
            }
        }
        assert_eq!(changed, 38 * 7, "each is missed only by those it voted on");
    }

    #[test]
    fn the_work_is_spread() {
        let all = names(37);
        let mut seats: BTreeMap<&str, u32> = BTreeMap::new();
        for region in &all {
            for voter in voters(&all, region) {
                *seats.entry(voter).or_default() += 1;
            }
        }
        assert_eq!(seats.len(), 37, "everybody votes on somebody: {seats:?}");
        assert!(seats.values().all(|seats| *seats <= 14), "{seats:?}");
    }

    #[test]
    fn the_draw_never_changes() {
        let all = names(37);
        let drawn: Vec<&str> = of("region-0", all.iter().map(String::as_str));
        // Written down once: a version that draws others would not agree with this one.
        assert_eq!(drawn.join(" "), "region-5 region-9 region-10 region-16 region-27 region-28 region-29");
    }
}
