//! No cascade: with every region near full, helping each other never makes them serve less than alone.
//!
//! Three regions in a ring, each with workers of its own, in steps of a millisecond. Each sends as much of its
//! arrivals to the next one as chance says, within what that one grants by what it measures; what is refused there
//! comes home. What counts is what is answered in time.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
#![allow(unreachable_pub, reason = "a test program has no other crate to show things to")]

mod region;

use std::collections::BTreeMap;

use proptest::prelude::*;
use region::{Region, Request};
use spillway_decide::grants::{Bucket, Origin, ceiling, measured, offer};
use spillway_decide::{Time, Verdict};

const NAMES: [&str; 3] = ["a", "b", "c"];
/// What each region declares: ten times what it can.
const DECLARED: u32 = 10_000;

/// How much of what comes is sent on, in percent.
type Shares = [u32; 3];

struct World {
    regions: [Region; 3],
    /// What the next region grants.
    buckets: [Bucket; 3],
    shares: Shares,
    rates: [f64; 3],
    due: [f64; 3],
    number: u32,
}

impl World {
    fn new(loads: [f64; 3], shares: Shares) -> Self {
        Self {
            regions: std::array::from_fn(|_| Region::new()),
            buckets: [Bucket::default(); 3],
            shares,
            rates: loads.map(|load| load * region::CAPACITY),
            due: [0.0; 3],
            number: 0,
        }
    }

    /// Answers in time, a second, after everything has settled.
    fn run(mut self) -> f64 {
        let (settle, whole) = (20_000, 40_000);
        for now in 1..whole {
            if now == settle {
                self.regions.iter_mut().for_each(|region| region.in_time = 0);
            }
            if now % 100 == 0 {
                self.grant(Time(now));
            }
            for at in 0..3 {
                self.regions[at].step(now);
                self.due[at] += self.rates[at] / 1000.0;
                while self.due[at] >= 1.0 {
                    self.due[at] -= 1.0;
                    self.arrive(at, now);
                }
            }
        }
        let answered: u32 = self.regions.iter().map(|region| region.in_time).sum();
        f64::from(answered) / 20.0
    }

    fn arrive(&mut self, at: usize, now: u64) {
        self.number = self.number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let next = (at + 1) % 3;
        let wanted = (self.number >> 16) % 100 < self.shares[at];
        if wanted && self.buckets[at].take(Time(now)) && self.regions[next].take(Request::spilled(now)) {
            return;
        }
        self.regions[at].take(Request::own(now));
    }

    /// Each region offers what it measures to the one before it.
    fn grant(&mut self, now: Time) {
        for at in 0..3 {
            let (before, load) = ((at + 2) % 3, self.regions[at].load());
            let local = load.map_or(0.0, |load| load.flow.own_rate);
            let most = ceiling(DECLARED, local, measured(now, load.as_slice()));
            let origin = Origin { region: NAMES[before], asking: self.shares[before] > 0 };
            let offers: BTreeMap<String, u32> = offer(most, local, Verdict::Healthy, &[origin]);
            self.buckets[before].set(now, offers[NAMES[before]]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn regions_near_full_serve_together_what_they_serve_alone(
        loads in prop::array::uniform3(0.85_f64..1.3),
        shares in prop::array::uniform3(0_u32..=100),
    ) {
        let alone = World::new(loads, [0; 3]).run();
        let together = World::new(loads, shares).run();
        prop_assert!(together >= alone * 0.97, "{together} together, {alone} alone");
    }
}

/// One region gets twice what it can, the others are half idle: spilling serves what was lost.
#[test]
fn who_has_room_helps() {
    let loads = [2.0, 0.4, 0.4];
    let alone = World::new(loads, [0; 3]).run();
    let together = World::new(loads, [60, 0, 0]).run();
    assert!(together >= alone + region::CAPACITY * 0.35, "{together} together, {alone} alone");
}
