//! Freezing: whatever verdicts say of a region, traffic goes on as it did when people froze it.
//!
//! What is reported of the region stays true; only what traffic follows stands still.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::priority::Priority;
use crate::standing::Standing;
use crate::time::Time;
use crate::verdict::Verdict;

/// A gateway that starts while a region is frozen decides freely for so long: before, it knows nothing that
/// would be worth keeping.
const SETTLING: Duration = Duration::from_secs(5);

/// How frozen regions stood when they were frozen.
#[derive(Clone, Debug)]
pub(crate) struct Freezer {
    began: Time,
    held: BTreeMap<String, Standing>,
}

impl Freezer {
    pub(crate) fn new(now: Time) -> Self {
        Self { began: now, held: BTreeMap::new() }
    }

    /// The standings that traffic follows: those of frozen regions are of the moment of the freeze.
    pub(crate) fn follow(&mut self, now: Time, priority: &Priority, standings: &[Standing]) -> Vec<Standing> {
        self.held.retain(|region, _| priority.is_frozen(region));
        let settled = now.since(self.began) >= SETTLING;
        let followed = |standing: &Standing| {
            if !settled || !priority.is_frozen(&standing.region) {
                return standing.clone();
            }
            let held = self.held.entry(standing.region.clone()).or_insert_with(|| standing.clone());
            Standing {
                verdict: held.verdict,
                home_percent: held.home_percent,
                within: held.within,
                drained: held.drained,
                ..standing.clone()
            }
        };
        standings.iter().map(followed).collect()
    }

    /// The verdict that traffic follows for a region that is frozen.
    pub(crate) fn verdict(&self, region: &str) -> Option<Verdict> {
        self.held.get(region).map(|held| held.verdict)
    }
}
