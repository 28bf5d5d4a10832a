//! Routes move alone, for their own cause, and only to where they are well.
//!
//! By truth: a route's verdict turns Degraded only when its requests, in truth, were bad for three seconds less
//! than the hold (a route has a part of the traffic; ADR 6 says how precise that is); a fault that spoils at
//! least 30 percent of a route with 30 requests a second for a second more than the hold is told within
//! [`DELAY`]; where there is too much to do beside it, what ails all routes is the region's, and its hold begins when
//! it does. By what gateways say: nobody forwards a route to a region that has called it Degraded for longer
//! than [`BELIEVED`]. That the region does not move for one bad route is judged where its own shifts are.

use std::collections::HashMap;

use spillway_decide::Verdict;

use super::{Invariant, name, seconds};
use crate::run::Beat;
use crate::world::{Fault, Millis, What, World, route_name};

/// Three seconds that a report is good for, one and a half on its way, and a few steps.
const BELIEVED: Millis = 4_800;
/// The latency bound, the windows' own, and some steps.
const DELAY: Millis = 4_000;
const WARM: Millis = 15_000;
const CLEAR_PERCENT: u32 = 30;

#[derive(Debug)]
pub(super) struct Routes {
    count: usize,
    /// The verdict of each region on each of its routes, and since when.
    verdicts: HashMap<(usize, usize), (Verdict, Millis)>,
    /// The lowest rate of each fault's route while it goes on.
    slowest: Vec<f64>,
    done: Vec<bool>,
    judged: u64,
}

impl Routes {
    pub(super) fn new(world: &World) -> Self {
        Self {
            count: world.routes.len(),
            verdicts: HashMap::new(),
            slowest: vec![f64::INFINITY; world.faults.len()],
            done: vec![false; world.faults.len()],
            judged: 0,
        }
    }

    fn verdict(&self, region: usize, route: usize) -> (Verdict, Millis) {
        self.verdicts.get(&(region, route)).copied().unwrap_or((Verdict::Healthy, 0))
    }

    fn note(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for (region, seen) in beat.gateways.iter().enumerate() {
            for route in 0..self.count {
                let told = seen.report.and_then(|report| report.routes.as_ref());
                let told = told.and_then(|told| told.exceptions.get(&route_name(route)));
                let verdict = told.map_or(Verdict::Healthy, |told| told.verdict);
                let (before, since) = self.verdict(region, route);
                let since = if verdict == before { since } else { beat.now };
                self.verdicts.insert((region, route), (verdict, since));
                if verdict == Verdict::Degraded && before < Verdict::Recovering {
                    self.judged += 1;
                    held_long_enough(beat, region, route)?;
                }
            }
        }
        Ok(())
    }

    fn is_told(&mut self, beat: &Beat<'_>, nth: usize, fault: &Fault, route: usize) -> Result<(), String> {
        let (world, seen) = (beat.truth.world, &beat.gateways[fault.region]);
        let hold = u64::from(seen.priority.health.hold_seconds) * 1000 + 1_000;
        let other = |other: &Fault| {
            other.region == fault.region
                && other != fault
                && (other.spoils() > 0 || matches!(other.what, What::Shortage(_)))
                && other.touches(fault.from.saturating_sub(2 * WARM), fault.until)
        };
        if fault.until < fault.from + hold
            || world.faults.iter().any(other)
            || !beat.truth.was_up(fault.region, fault.from.saturating_sub(WARM), beat.now)
        {
            return Ok(());
        }
        if beat.now < fault.from + hold {
            let share = f64::from(world.routes.get(route).copied().unwrap_or(0)) / 100.0;
            self.slowest[nth] = self.slowest[nth].min(beat.rates[fault.region] * share);
        }
        let crowded = beat.truth.short_since(fault.region, fault.from.saturating_sub(WARM), beat.now);
        let from = fault.from.max(crowded.unwrap_or(0));
        if beat.now < from + hold + DELAY || std::mem::replace(&mut self.done[nth], true) {
            return Ok(());
        }
        if self.slowest[nth] < 30.0 || fault.until < from + hold {
            return Ok(());
        }
        self.judged += 1;
        let region = seen.report.map_or(Verdict::Healthy, |report| report.verdict);
        if region.max(self.verdict(fault.region, route).0) >= Verdict::Recovering {
            return Ok(());
        }
        let lasted = seconds(beat.now.min(fault.until) - fault.from);
        let (region, route) = (name(beat, fault.region), route_name(route));
        Err(format!("{region} does not see that {route} is bad though {:?} lasted {lasted}", fault.what))
    }
}

fn held_long_enough(beat: &Beat<'_>, region: usize, route: usize) -> Result<(), String> {
    let health = &beat.gateways[region].priority.health;
    let memory =
        u64::from(health.window_seconds) * 1000 + u64::from(health.max_latency_p95_milliseconds) + 1_000;
    let runs = beat.truth.broken_route(region, route, memory);
    let held = runs.iter().filter(|run| run.0 <= beat.now && beat.now <= run.1 + memory);
    let held = held.map(|run| run.1.min(beat.now) - run.0).max().unwrap_or(0);
    if held + 3_000 > u64::from(health.hold_seconds) * 1000 {
        return Ok(());
    }
    let (region, route) = (name(beat, region), route_name(route));
    Err(format!("{region} calls {route} Degraded after {} of trouble", seconds(held)))
}

impl Invariant for Routes {
    fn name(&self) -> &'static str {
        "routes-move-alone-and-to-where-they-are-well"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        if self.count == 0 {
            return Ok(());
        }
        self.note(beat)?;
        for path in beat.requests.iter().filter(|path| !path.returned) {
            let (Some(target), Some(route)) = (path.forwards[0], path.route) else { continue };
            self.judged += 1;
            let (verdict, since) = self.verdict(target, route);
            // To what people froze traffic goes on, and from there it stands still, whatever is said.
            let frozen = [(path.door, target), (target, target), (path.door, path.door)]
                .iter()
                .any(|(eyes, region)| beat.gateways[*eyes].priority.is_frozen(name(beat, *region)));
            if verdict == Verdict::Degraded && since + BELIEVED < path.at && !frozen {
                let (door, target, route) = (name(beat, path.door), name(beat, target), route_name(route));
                return Err(format!("{door} forwards {route} to {target}, which has shed it for long"));
            }
        }
        for (nth, fault) in beat.truth.world.faults.iter().enumerate() {
            if let Some(route) =
                fault.route.filter(|_| fault.spoils() >= CLEAR_PERCENT && fault.from <= beat.now)
            {
                self.is_told(beat, nth, fault, route)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
