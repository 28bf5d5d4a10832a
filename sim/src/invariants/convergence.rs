//! Convergence: within a stated time after the last fault has ended and the last change has arrived, there is a
//! moment at which everything is as people want it.
//!
//! The time is [`crate::world::World::convergence`]: the longest hold of a recovery, its steps, and 40 s. As
//! people want it: every gateway holds every region Healthy; answers name the first region that is not drained
//! by intent (in mode Local the own one), with the long TTL; arrivals go there (in mode Local, or pinned, they
//! stay); and every request of the last step whose client asks an honest resolver was served there. One such
//! moment is enough, for ordinary noise may make a region Suspected at any time. It is not judged where the
//! region that is to serve all declares less than all need.

use spillway_decide::{Enforcement, Intent, Mode, Priority, Verdict};

use super::{Invariant, name, seconds};
use crate::run::{Beat, Finds, Path, Seen};
use crate::world::{Millis, World};

#[derive(Debug)]
pub(super) struct Convergence {
    quiet: Millis,
    deadline: Millis,
    reached: Option<Millis>,
    possible: bool,
    judged: u64,
    /// What was not as people want it, the last time.
    missing: String,
}

impl Convergence {
    pub(super) fn new(world: &World) -> Self {
        let quiet = world.quiet_from();
        let (deadline, possible) = (quiet + world.convergence(), is_possible(world));
        Self { quiet, deadline, reached: None, possible, judged: 0, missing: String::new() }
    }
}

/// Whether those who are to serve can.
fn is_possible(world: &World) -> bool {
    let last = world.priority(world.changes.len());
    let Some(first) = wanted(last) else { return false };
    let capacity = |name: &str| world.index(name).map_or(0, |region| world.regions[region].capacity);
    let drained = last.regions.iter().any(|entry| entry.intent == Intent::Drained);
    let each = world.rate / u32::try_from(world.regions.len().max(1)).unwrap_or(1);
    let most = if last.mode == Mode::Local && !drained && last.regions.len() == world.regions.len() {
        each
    } else {
        world.rate
    };
    let serving = last
        .names()
        .filter(|name| last.mode == Mode::Local || *name == first || last.intent(name) == Intent::Pinned);
    let mut serving = serving.map(capacity);
    serving.all(|capacity| u64::from(capacity) * 10 > u64::from(most) * 13)
}

/// The first region that people do not keep empty.
fn wanted(priority: &Priority) -> Option<&str> {
    priority.names().find(|name| priority.intent(name) != Intent::Drained)
}

/// Where a gateway is to send its DNS's clients, and its arrivals.
fn aims<'a>(me: &'a str, priority: &'a Priority) -> Option<(&'a str, &'a str)> {
    let first = wanted(priority)?;
    let own = priority.contains(me) && priority.intent(me) != Intent::Drained;
    let answer = if priority.mode == Mode::Local && own { me } else { first };
    let stays = !priority.contains(me)
        || priority.enforcement == Enforcement::Observe
        || priority.intent(me) == Intent::Pinned
        || (priority.mode == Mode::Local && own);
    Some((answer, if stays { me } else { first }))
}

/// What a gateway does that is not as people want it.
fn astray(me: &str, seen: &Seen<'_>) -> Option<String> {
    let priority = seen.priority;
    let Some((decision, report)) = seen.decision.zip(seen.report) else {
        return Some(format!("{me} has not decided"));
    };
    let (answer, share) = aims(me, priority)?;
    let unwell = report.view.regions.iter().find(|(_, view)| view.verdict != Verdict::Healthy);
    if let Some((region, view)) = unwell {
        return Some(format!("{me} holds {region} {}: {}", view.verdict, view.reason));
    }
    // In mode Local any region may help one that people drain.
    let helped = priority.mode == Mode::Local && share != me && decision.shares.percent(me) == 0;
    if decision.shares.percent(share) != 100 && !helped {
        return Some(format!("{me} sends its arrivals to {}, not to {share}", decision.shares));
    }
    match &decision.answer {
        Some(given) if given.region == answer && given.ttl_seconds == priority.dns.ttl_seconds => None,
        given => Some(format!("{me} answers {given:?}, not {answer}")),
    }
}

fn strays(beat: &Beat<'_>, path: &Path) -> Option<String> {
    let client = beat.clients.get(path.client).filter(|client| client.finds == Finds::Honest)?;
    let (door, _) = aims(name(beat, client.zone), beat.gateways[client.zone].priority)?;
    let (_, share) = aims(name(beat, path.door), beat.gateways[path.door].priority)?;
    let served = path.served.map(|region| name(beat, region));
    let well = name(beat, path.door) == door && served == Some(share);
    (!well).then(|| {
        format!("client {} went to {} and was served by {served:?}", path.client, name(beat, path.door))
    })
}

fn first_astray(beat: &Beat<'_>) -> Option<String> {
    let gateway = |(region, seen): (usize, &Seen<'_>)| astray(name(beat, region), seen);
    let gateways = beat.gateways.iter().enumerate().find_map(gateway);
    gateways.or_else(|| beat.requests.iter().find_map(|path| strays(beat, path)))
}

impl Invariant for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        if beat.now < self.quiet || self.reached.is_some() || !self.possible {
            return Ok(());
        }
        match first_astray(beat) {
            None => {
                self.reached = Some(beat.now - self.quiet);
                self.judged += 1;
            }
            Some(missing) => self.missing = missing,
        }
        if self.reached.is_none() && beat.now > self.deadline {
            let after = seconds(beat.now - self.quiet);
            return Err(format!("{after} after the last trouble {}", self.missing));
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn converged_after(&self) -> Option<Millis> {
        self.reached
    }
}
