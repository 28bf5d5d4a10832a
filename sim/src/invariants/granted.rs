//! No spill without a grant: what a region forwards to another stays within what that other offered it.
//!
//! By truth: the offers are noted at the target, with each of its decisions. An offer may be believed for three seconds, and
//! may have been on its way before; so a forward needs an offer of the last [`BELIEVED`] milliseconds, and the
//! forwards of three seconds stay within three seconds of the highest offer that could be believed in them,
//! plus two bursts of half a second (a gateway that starts anew has a full bucket).

use std::collections::VecDeque;

use super::{Invariant, name};
use crate::run::Beat;
use crate::world::{Millis, World};

/// Three seconds that a report is good for, one and a half on its way, and a few steps.
const BELIEVED: Millis = 4_800;
/// Forwards are counted over so long.
const SPAN: Millis = 3_000;

#[derive(Debug)]
pub(super) struct Granted {
    size: usize,
    /// Of each pair, from when on what was offered.
    offers: Vec<VecDeque<(Millis, u32)>>,
    forwards: Vec<VecDeque<Millis>>,
    judged: u64,
}

impl Granted {
    pub(super) fn new(world: &World) -> Self {
        let size = world.regions.len();
        let (offers, forwards) = (vec![VecDeque::new(); size * size], vec![VecDeque::new(); size * size]);
        Self { size, offers, forwards, judged: 0 }
    }

    /// The highest offer that was in force at any time since a moment.
    fn highest(&self, pair: usize, since: Millis) -> u32 {
        let offers = &self.offers[pair];
        let in_force = offers.partition_point(|(at, _)| *at <= since).saturating_sub(1);
        offers.iter().skip(in_force).map(|(_, rate)| *rate).max().unwrap_or(0)
    }

    fn judge(&mut self, at: Millis, pair: usize) -> Result<(), String> {
        self.judged += 1;
        if self.highest(pair, at.saturating_sub(BELIEVED)) == 0 {
            return Err("though nothing was granted".to_owned());
        }
        let forwards = &mut self.forwards[pair];
        forwards.push_back(at);
        while forwards.front().is_some_and(|first| first + SPAN < at) {
            forwards.pop_front();
        }
        let (count, rate) =
            (self.forwards[pair].len(), self.highest(pair, at.saturating_sub(BELIEVED + SPAN)));
        let most = u64::from(rate) * 4 + 4;
        if count as u64 > most {
            return Err(format!("the {count}th time in 3 s, though at most {rate} req/s were granted"));
        }
        Ok(())
    }
}

impl Invariant for Granted {
    fn name(&self) -> &'static str {
        "no-spill-without-a-grant"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for offer in beat.offers {
            let offers = &mut self.offers[offer.origin * self.size + offer.target];
            offers.push_back((offer.at, offer.rate));
            while offers.get(1).is_some_and(|(at, _)| at + BELIEVED + SPAN < beat.now) {
                offers.pop_front();
            }
        }
        for path in beat.requests {
            let hops = [(Some(path.door), path.forwards[0]), (path.forwards[0], path.forwards[1])];
            for (from, to) in hops.into_iter().filter_map(|(from, to)| Some((from?, to?))) {
                self.judge(path.at, from * self.size + to)
                    .map_err(|why| format!("{} forwarded to {} {why}", name(beat, from), name(beat, to)))?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
