//! A region's backends: how one request fares.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::world::{Millis, Service};

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// After how long the head of the response is there; never for a hang.
    pub(super) latency: Option<Millis>,
    /// It failed.
    pub(super) failed: bool,
}

impl Fate {
    /// Whether people got what they were promised.
    pub(super) fn is_good(&self, bound: Millis) -> bool {
        !self.failed && self.latency.is_some_and(|latency| latency <= bound)
    }
}

/// Draws the fate of a request while so many requests a second are served.
pub(super) fn draw(rng: &mut ChaCha8Rng, service: &Service, noise: u32, rate: f64) -> Fate {
    let dice = rng.random_range(0..10_000_u32);
    let quick = Some(5 + u64::from(dice % 50));
    let slow = Some(2_000 + u64::from(rng.random_range(0..2_000_u32)));
    let (errors, slowness) = (service.errors * 100, service.slow * 100);
    let too_many =
        rate > service.capacity && rng.random_bool((1.0 - service.capacity / rate).clamp(0.0, 1.0));
    match dice {
        _ if too_many => Fate { latency: slow, failed: false },
        dice if dice < service.hang * 100 => Fate { latency: None, failed: true },
        dice if dice < errors => Fate { latency: quick, failed: true },
        dice if dice < slowness => Fate { latency: slow, failed: false },
        // Stray bad requests of any day, half of them errors and half slow.
        dice if 10_000 - dice <= noise && dice % 2 == 0 => Fate { latency: quick, failed: true },
        dice if 10_000 - dice <= noise => Fate { latency: slow, failed: false },
        _ => Fate { latency: quick, failed: false },
    }
}
