//! The cap on drained regions is kept: no more than `maxDrainedRegions` send their arrivals away by verdict.
//!
//! A region counts when its own verdict is Degraded or Recovering, nobody asked for the drain, its arrivals go
//! elsewhere, and no region before it in the order is well in its eyes (a standby forwards anyway). Nobody can
//! keep a cap with those that he does not hear, and what people froze takes no place and keeps its own when it thaws; so
//! only regions count together that could talk without trouble
//! for the last [`SETTLED`] milliseconds and have all been drained for as long.

use super::{Invariant, name};
use crate::run::{Beat, Seen};
use crate::world::{Millis, World};
use spillway_decide::{Intent, Mode, Verdict};

/// Two exchanges over a slow link, and the steps between.
const SETTLED: Millis = 4_000;

#[derive(Debug)]
pub(super) struct Cap {
    /// Since when each region is drained.
    since: Vec<Option<Millis>>,
    /// Whether it was frozen since then.
    excused: Vec<bool>,
    judged: u64,
}

impl Cap {
    pub(super) fn new(world: &World) -> Self {
        let size = world.regions.len();
        Self { since: vec![None; size], excused: vec![false; size], judged: 0 }
    }
}

impl Invariant for Cap {
    fn name(&self) -> &'static str {
        "cap-on-drained-regions"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for (region, seen) in beat.gateways.iter().enumerate() {
            let drained = is_drained(name(beat, region), seen);
            self.since[region] = drained.then(|| self.since[region].unwrap_or(beat.now));
            let frozen = beat.gateways.iter().any(|seen| seen.priority.is_frozen(name(beat, region)));
            self.excused[region] = drained && (self.excused[region] || frozen);
        }
        let settled = |since: &Option<Millis>| since.is_some_and(|since| since + SETTLED <= beat.now);
        let drained: Vec<usize> =
            (0..self.since.len()).filter(|nth| settled(&self.since[*nth]) && !self.excused[*nth]).collect();
        self.judged += u64::from(!drained.is_empty());
        let cap = beat.truth.world.priority.shift.max_drained_regions as usize;
        if drained.len() <= cap {
            return Ok(());
        }
        let talked = |one: usize, other: usize| {
            beat.truth.talked(one, other, beat.now.saturating_sub(SETTLED), beat.now)
        };
        match together(&drained, cap + 1, &talked) {
            Some(group) => {
                let names: Vec<&str> = group.iter().map(|region| name(beat, *region)).collect();
                Err(format!("{} are drained by verdict, and the cap is {cap}", names.join(", ")))
            }
            None => Ok(()),
        }
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

fn is_drained(me: &str, seen: &Seen<'_>) -> bool {
    let Some((decision, report)) = seen.decision.zip(seen.report) else { return false };
    let priority = seen.priority;
    let before = priority.names().take_while(|region| *region != me);
    let well = |region: &str| {
        priority.intent(region) != Intent::Drained
            && report.view.regions.get(region).is_some_and(|view| view.verdict < Verdict::Recovering)
    };
    let stands_by = priority.mode == Mode::Ordered && before.into_iter().any(well);
    report.verdict >= Verdict::Recovering
        && priority.intent(me) == Intent::Auto
        && decision.shares.percent(me) < 100
        && !stands_by
}

/// So many of them of whom each pair talked, if there are.
fn together(from: &[usize], count: usize, talked: &impl Fn(usize, usize) -> bool) -> Option<Vec<usize>> {
    if count == 0 {
        return Some(Vec::new());
    }
    from.iter().enumerate().find_map(|(place, first)| {
        let rest: Vec<usize> =
            from[place + 1..].iter().copied().filter(|other| talked(*first, *other)).collect();
        let mut group = together(&rest, count - 1, talked)?;
        group.push(*first);
        Some(group)
    })
}
