//! The less loaded of two endpoints that are drawn at random ("power of two choices").
//!
//! Two draws are nearly as good as asking all, cost the same for 3 endpoints as for 3,000, and gateways that do
//! not know of each other do not all run to the same idle endpoint. Load is the number of requests in flight,
//! which a slow endpoint shows before any of its answers is there. Latency is left out on purpose: an endpoint
//! that fails fast looks fast.

use std::time::Duration;

use crate::time::{Time, millis};

/// The weight of an endpoint that takes its full part.
pub const FULL: u32 = 1000;
/// The least weight: even the newest gets a little, or it would never warm up.
const LEAST: u32 = 100;
/// Draws before whoever stands next is taken.
const DRAWS: usize = 8;

/// How an endpoint stands to get the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not this one: the request has failed there already.
    Out,
    /// Only if nobody else is left.
    Ejected,
    /// It may be drawn.
    In {
        /// Its requests in flight.
        load: usize,
        /// Its part, in thousandths: [`FULL`], or less while it starts slowly.
        weight: u32,
    },
}

/// The weight of an endpoint that became ready at `since`: it grows evenly to [`FULL`] within `slow_start`.
#[must_use]
pub fn weight(now: Time, since: Time, slow_start: Duration) -> u32 {
    let (age, whole) = (millis(now.since(since)), millis(slow_start));
    if age >= whole {
        return FULL;
    }
    u32::try_from(age * u64::from(FULL) / whole).unwrap_or(FULL).clamp(LEAST, FULL)
}

/// Picks one of `count` endpoints. `dice(n)` is a number below `n`, each as likely as the other.
///
/// Where nobody is left that is not ejected, ejection does not count: a bad answer may still be a good one.
#[must_use]
pub fn pick(
    count: usize,
    standing: impl Fn(usize) -> Standing,
    mut dice: impl FnMut(usize) -> usize,
) -> Option<usize> {
    let load_of = |index| match standing(index) {
        Standing::In { load, weight } => Some((load, weight)),
        _ => None,
    };
    let Some(first) = draw(count, &load_of, &mut dice) else {
        return next(count, &mut dice, |index| standing(index) == Standing::Ejected);
    };
    let others = |index: usize| load_of(index).filter(|_| index != first.0).map(|(load, _)| (load, FULL));
    let second = if count > 1 { draw(count, &others, &mut dice) } else { None };
    let Some(second) = second.and_then(|(index, _)| Some((index, load_of(index)?))) else {
        return Some(first.0);
    };
    Some(if lighter(second.1, first.1) { second.0 } else { first.0 })
}

/// Whether `a` carries less for its weight than `b`.
fn lighter(a: (usize, u32), b: (usize, u32)) -> bool {
    let carried = |load: usize, other: u32| (load as u64).saturating_mul(other.into());
    carried(a.0, b.1) < carried(b.0, a.1)
}

type Drawn = (usize, (usize, u32));

fn draw(
    count: usize,
    load_of: &impl Fn(usize) -> Option<(usize, u32)>,
    dice: &mut impl FnMut(usize) -> usize,
) -> Option<Drawn> {
    if count == 0 {
        return None;
    }
    for _ in 0..DRAWS {
        let index = dice(count);
        if let Some((load, weight)) = load_of(index)
            && (weight >= FULL || dice(FULL as usize) < weight as usize)
        {
            return Some((index, (load, weight)));
        }
    }
    let index = next(count, dice, |index| load_of(index).is_some())?;
    Some((index, load_of(index)?))
}

/// The first that is wanted, from a random place on.
fn next(
    count: usize,
    dice: &mut impl FnMut(usize) -> usize,
    wanted: impl Fn(usize) -> bool,
) -> Option<usize> {
    let from = if count == 0 { 0 } else { dice(count) };
    (0..count).map(|step| (from + step) % count).find(|index| wanted(*index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A dice that falls the same in every run.
    fn dice() -> impl FnMut(usize) -> usize {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from((state >> 11) % below as u64).unwrap()
        }
    }

    fn shares(standings: &[Standing]) -> Vec<usize> {
        let (mut shares, mut dice) = (vec![0; standings.len()], dice());
        for _ in 0..10_000 {
            if let Some(index) = pick(standings.len(), |index| standings[index], &mut dice) {
                shares[index] += 1;
            }
        }
        shares
    }

    fn idle(weight: u32) -> Standing {
        Standing::In { load: 0, weight }
    }

    fn any_standing() -> impl Strategy<Value = Standing> {
        prop_oneof![
            Just(Standing::Out),
            Just(Standing::Ejected),
            (0_usize..50, LEAST..=FULL).prop_map(|(load, weight)| Standing::In { load, weight }),
        ]
    }

    proptest! {
        #[test]
        fn who_is_in_comes_before_the_ejected_and_who_is_out_never(
            standings in prop::collection::vec(any_standing(), 0..20),
        ) {
            let picked = pick(standings.len(), |index| standings[index], dice()).map(|index| standings[index]);
            let some = |wanted: fn(&Standing) -> bool| standings.iter().any(wanted);
            let expected_in = some(|one| matches!(one, Standing::In { .. }));
            match picked {
                Some(Standing::In { .. }) => prop_assert!(expected_in),
                Some(Standing::Ejected) => prop_assert!(!expected_in),
                Some(Standing::Out) => prop_assert!(false, "out"),
                None => prop_assert!(standings.iter().all(|one| *one == Standing::Out)),
            }
        }
    }

    #[test]
    fn equals_share_equally() {
        for share in shares(&[idle(FULL); 4]) {
            assert!(share.abs_diff(2500) < 200, "{share}");
        }
    }

    #[test]
    fn the_busier_of_two_is_passed_over() {
        let busy = Standing::In { load: 1, weight: FULL };
        assert_eq!(shares(&[busy, idle(FULL)]), [0, 10_000]);
    }

    #[test]
    fn a_new_endpoint_gets_its_weight_and_not_nothing() {
        let shares = shares(&[idle(FULL), idle(LEAST)]);
        assert!((600..1300).contains(&shares[1]), "a tenth to eleven tenths: {shares:?}");
        let busy = Standing::In { load: 2, weight: LEAST };
        let old = Standing::In { load: 10, weight: FULL };
        assert_eq!(
            self::shares(&[old, busy])[1],
            0,
            "two in flight are much for a tenth beside ten for a whole"
        );
    }

    #[test]
    fn slow_start_is_even() {
        let (since, whole) = (Time(1_000_000), Duration::from_secs(30));
        for (age, expected) in [(0, LEAST), (1_000, LEAST), (15_000, 500), (29_970, 999), (30_000, FULL)] {
            assert_eq!(weight(Time(since.0 + age), since, whole), expected, "after {age} ms");
        }
        assert_eq!(weight(since, since, Duration::ZERO), FULL, "no slow start");
    }
}
