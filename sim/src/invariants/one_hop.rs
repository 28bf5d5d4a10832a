//! No two-hop forward: what came by spill is served by the region that it came to.
//!
//! No tolerance.

use super::{Invariant, name};
use crate::run::Beat;

#[derive(Debug, Default)]
pub(super) struct OneHop {
    judged: u64,
}

impl Invariant for OneHop {
    fn name(&self) -> &'static str {
        "no-two-hop-forward"
    }

    fn check(&mut self, beat: &Beat<'_>) -> Result<(), String> {
        for path in beat.requests {
            let [first, second] = path.forwards;
            self.judged += u64::from(first.is_some());
            if let (Some(first), Some(second)) = (first, second) {
                return Err(format!(
                    "a request of client {} came to {}, went to {} and on to {}",
                    path.client,
                    name(beat, path.door),
                    name(beat, first),
                    name(beat, second)
                ));
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}
