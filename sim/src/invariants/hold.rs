//! No shift on 29 seconds: a region that was well calls itself Degraded only when its backends have, in truth,
//! broken its promise for more than a second less than the hold.
//!
//! By truth: from the first to the last moment of the faults that spoil enough (and of overload), where
//! stretches that are less than a window apart are one. Tolerance, as ADR 6 and the properties of
//! `decide` state it: one second where the region served at least 100 requests a second all along, two below,
//! three below 20. Where next to nothing but one bad route is asked for, the route's trouble is the region's. A relapse (from Recovering) needs no hold and is not judged here.

use std::collections::VecDeque;

use spillway_decide::Verdict;

use super::{Invariant, name, seconds};
use crate::run::Beat;
use crate::world::{Millis, World};

/// The hold, and what a window remembers.
const SECONDS: usize = 35;

#[derive(Debug)]
pub(super) struct Hold {
    /// The last verdict of each gateway on itself.
    verdicts: Vec<Verdict>,
    /// The rates of the last seconds.
    rates: Vec<VecDeque<f64>>,
    /// The requests of each route that each region served in the last seconds.
    routes: Vec<VecDeque<Vec<u64>>>,
    judged: u64,
}

impl Hold {
    pub(super) fn new(world: &World) -> Self {
        let size = world.regions.len();
        Self {
            verdicts: vec![Verdict::Healthy; size],
            rates: vec![VecDeque::new(); size],
            routes: vec![[vec![0; world.routes.len()]].into(); size],
            judged: 0,
        }
    }

    /// Requests of other routes in the last seconds.
    fn others(&self, region: usize, route: usize) -> u64 {
        let all = self.routes[region].iter().flat_map(|second| second.iter().enumerate());
        all.filter(|(other, _)| *other != route).map(|(_, count)| count).sum()
    }

    fn note_routes(&mut self, beat: &Beat<'_>) {
        for path in beat.requests {
            let (Some(region), Some(route)) = (path.served, path.route) else { continue };
            if let Some(count) = self.routes[region].back_mut().and_then(|second| second.get_mut(route)) {
                *count += 1;
            }
        }
        if beat.now.is_multiple_of(1000) {
            for seconds in &mut self.routes {
                seconds.push_back(vec![0; beat.truth.world.routes.len()]);
                seconds.drain(..seconds.len().saturating_sub(SECONDS));
            }
        }
    }

    fn judge(&self, beat: &Beat<'_>, region: usize) -> Result<(), String> {
        let health = &beat.gateways[region].priority.health;
        let (window, bound) =
            (u64::from(health.window_seconds) * 1000, u64::from(health.max_latency_p95_milliseconds));
        let memory = window + bound + 500;
        let slowest = self.rates[region].iter().copied().fold(f64::INFINITY, f64::min);
        let mut runs = beat.truth.broken(region, memory);
        let few = u64::from(health.min_requests);
        let routes = (0..beat.truth.world.routes.len()).filter(|route| self.others(region, *route) < few);
        runs.extend(routes.flat_map(|route| beat.truth.broken_route(region, route, memory)));
        let held = runs.iter().filter(|run| run.0 <= beat.now && beat.now <= run.1 + memory);
        let held = held.map(|run| run.1.min(beat.now) - run.0).max().unwrap_or(0);
        let precision = match slowest {
            rate if rate >= 100.0 => 1_000,
            rate if rate >= 20.0 => 2_000,
            _ => 3_000,
        };
        if held > u64::from(health.hold_seconds) * 1000 - precision {
            return Ok(());
        }
        Err(format!(
            "{} calls itself Degraded after {} of trouble ({slowest:.0} req/s or more; the hold is {} s)",
            name(beat, region),
            seconds(held),
            health.hold_seconds
        ))
    }
}

impl Invariant for Hold {
    fn name(&self) -> &'static str {
        "no-shift-on-29-s"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        self.note_routes(beat);
        for (region, seen) in beat.gateways.iter().enumerate() {
            if beat.now.is_multiple_of(1000) {
                let rates = &mut self.rates[region];
                rates.push_back(beat.rates[region]);
                if rates.len() > SECONDS {
                    rates.pop_front();
                }
                let runs = beat.truth.broken(region, 12_000);
                let ended = |run: &&(Millis, Millis)| run.1 < beat.now && beat.now <= run.1 + 1000;
                self.judged += runs.iter().filter(ended).filter(|run| run.1 - run.0 <= 29_000).count() as u64;
            }
            let verdict = seen.report.map_or(Verdict::Healthy, |report| report.verdict);
            let before = std::mem::replace(&mut self.verdicts[region], verdict);
            if verdict == Verdict::Degraded && before < Verdict::Recovering {
                self.judge(beat, region)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
