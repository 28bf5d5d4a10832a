//! Only those clients move whom a change of shares takes: at one door, a client goes from one region to
//! another only if the share of the one has fallen and that of the other has grown since its last request.
//!
//! Shares are read at the door in every step; a request of a step in which they changed, or of the one before,
//! is not looked at, for it may have met either. Nor is one that came back, or one after a change of what
//! people want. When another region than before comes home, its clients are drawn anew from all.

use std::collections::HashMap;
use std::rc::Rc;

use spillway_decide::{Share, Shares};

use super::{Invariant, name};
use crate::run::{Beat, Path};
use crate::world::{Millis, route_name};

/// A door, a client there, and what it asks for.
type Asker = (usize, usize, Option<usize>);

#[derive(Debug, Default)]
pub(super) struct Hash {
    /// The shares of each door, and since when.
    shares: HashMap<(usize, Option<usize>), (Rc<Shares>, Millis)>,
    /// Of each client at each door, who served it last, and under which shares.
    last: HashMap<Asker, (usize, Rc<Shares>)>,
    judged: u64,
}

impl Hash {
    fn note_shares(&mut self, beat: &Beat<'_>) {
        for (door, seen) in beat.gateways.iter().enumerate() {
            let routes = (0..beat.truth.world.routes.len()).map(Some).chain([None]);
            for route in routes {
                let now = seen.decision.map(|decision| {
                    let own = route.and_then(|route| decision.routes.get(&route_name(route)));
                    own.unwrap_or(&decision.shares)
                });
                let Some(now) = now.filter(|_| seen.since.is_some()) else {
                    self.shares.remove(&(door, route));
                    continue;
                };
                if self.shares.get(&(door, route)).is_none_or(|(shares, _)| **shares != *now) {
                    self.shares.insert((door, route), (Rc::new(now.clone()), beat.now));
                }
            }
        }
    }

    fn judge(&mut self, beat: &Beat<'_>, path: &Path, to: usize, now: &Rc<Shares>) -> Result<(), String> {
        let last = self.last.insert((path.door, path.client, path.route), (to, Rc::clone(now)));
        let Some((from, then)) = last.filter(|(from, _)| *from != to) else { return Ok(()) };
        if let ([home, _], [other, _]) = (now.as_slice(), then.as_slice())
            && home.region != other.region
        {
            return Ok(());
        }
        self.judged += 1;
        let (from, to) = (name(beat, from), name(beat, to));
        if now.percent(from) < then.percent(from) && now.percent(to) > then.percent(to) {
            return Ok(());
        }
        Err(format!(
            "client {} at the door of {} went from {from} to {to}, and the shares went from {} to {}",
            path.client,
            name(beat, path.door),
            list(then.as_slice()),
            list(now.as_slice())
        ))
    }
}

fn list(shares: &[Share]) -> String {
    let parts: Vec<String> =
        shares.iter().map(|share| format!("{} {} %", share.region, share.percent)).collect();
    parts.join(" and ")
}

impl Invariant for Hash {
    fn name(&self) -> &'static str {
        "shares-move-whom-they-take"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        self.note_shares(beat);
        if beat.truth.changed(beat.now.saturating_sub(1_000), beat.now) {
            self.last.clear();
            return Ok(());
        }
        for path in beat.requests.iter().filter(|path| !path.returned) {
            let steady =
                self.shares.get(&(path.door, path.route)).filter(|(_, since)| since + 200 <= beat.now);
            if let (Some((shares, _)), Some(to)) = (steady.cloned(), path.served) {
                self.judge(beat, path, to, &shares)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
