//! No empty answer: a gateway that has decided answers with one to four addresses, all of one region's door,
//! with a TTL that people asked for. SERVFAIL is for the moment before the first decision only.
//!
//! Tolerance: 300 ms after a start, which is three steps.

use super::{Invariant, name};
use crate::run::Beat;
use crate::world::Millis;
use spillway_decide::Answer;

const STARTING: Millis = 300;

#[derive(Debug, Default)]
pub(super) struct Answered {
    judged: u64,
}

impl Answered {
    fn judge(&mut self, beat: &Beat<'_>, gateway: usize, answer: Option<&Answer>) -> Result<(), String> {
        self.judged += 1;
        let seen = &beat.gateways[gateway];
        let Some(answer) = answer else {
            let young = seen.since.is_none_or(|since| since + STARTING >= beat.now);
            return if young { Ok(()) } else { Err("answers nothing".to_owned()) };
        };
        let Some(region) = beat.truth.world.index(&answer.region) else {
            return Err(format!("answers with {}, which is no region", answer.region));
        };
        let door: std::net::IpAddr = [198, 18, u8::try_from(region + 1).unwrap_or(255), 1].into();
        let dns = &seen.priority.dns;
        match answer.addresses.as_slice() {
            [] => Err(format!("answers {} without an address", answer.region)),
            addresses if addresses.len() > 4 => Err(format!("answers with {} addresses", addresses.len())),
            addresses if addresses.iter().any(|address| *address != door) => {
                Err(format!("answers {} with {addresses:?}, which is not its door", answer.region))
            }
            _ if ![dns.ttl_seconds, dns.suspect_ttl_seconds].contains(&answer.ttl_seconds) => {
                Err(format!("answers for {} s, which nobody asked for", answer.ttl_seconds))
            }
            _ => Ok(()),
        }
    }
}

impl Invariant for Answered {
    fn name(&self) -> &'static str {
        "no-empty-answer"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        let deciding = beat.gateways.iter().enumerate().filter(|(_, seen)| seen.since.is_some());
        let published = deciding
            .map(|(gateway, seen)| (gateway, seen.decision.and_then(|decision| decision.answer.as_ref())));
        let replied = beat.replies.iter().map(|reply| (reply.gateway, reply.answer.as_ref()));
        for (gateway, answer) in published.chain(replied) {
            self.judge(beat, gateway, answer).map_err(|why| format!("{} {why}", name(beat, gateway)))?;
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
