//! How each region stands when shares and answers are decided: its effective verdict and what follows of it.
//!
//! A doubt below a quorum shows in the verdict, as Suspected, and shortens the TTL; whether traffic may go
//! to a region does not hang on it, but on its own word, on a quorum, and on what this gateway itself reaches.

use std::collections::BTreeSet;

use crate::priority::{Intent, Priority};
use crate::time::Time;
use crate::verdict::{Machine, Verdict};

/// One region's effective verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The region.
    pub region: String,
    /// What people want of it.
    pub intent: Intent,
    /// The worse of what it declares of itself and what the others see; their doubt below a quorum makes it
    /// Suspected.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since: Time,
    /// Percent of its arrivals that are to be home.
    pub home_percent: u32,
    /// Within its bounds by its own word, and not given up by a quorum.
    pub within: bool,
    /// Our own probes reach it, as far as they say.
    pub reached: bool,
    /// It is among the regions that traffic leaves or has left by verdict, within `maxDrainedRegions`.
    pub drained: bool,
    /// Requests a second that it grants us.
    pub grant: u32,
}

impl Standing {
    /// Whether traffic that goes there by our choice may go on.
    #[must_use]
    pub fn serves_on(&self) -> bool {
        self.intent != Intent::Drained && self.within
    }

    /// Whether we may choose it for new traffic.
    #[must_use]
    pub fn takes_more(&self) -> bool {
        self.serves_on() && self.reached
    }

    /// Whether the traffic that is there may stay.
    #[must_use]
    pub fn keeps_its_own(&self) -> bool {
        match self.intent {
            Intent::Drained => false,
            Intent::Pinned => true,
            Intent::Auto => match self.verdict {
                Verdict::Healthy | Verdict::Suspected => true,
                Verdict::Recovering | Verdict::Degraded => !self.drained,
            },
        }
    }
}

/// A verdict with its words, from wherever it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) since: Time,
    pub(crate) home_percent: u32,
}

impl Word {
    pub(crate) fn of(machine: &Machine, priority: &Priority) -> Self {
        Self {
            verdict: machine.verdict(),
            reason: machine.reason().to_owned(),
            since: machine.since(),
            home_percent: machine.home_percent(&priority.recovery),
        }
    }

    /// The worse of two; the first where they are equal.
    pub(crate) fn worse(self, other: Self) -> Self {
        let home_percent = self.home_percent.min(other.home_percent);
        let worse = if other.verdict > self.verdict { other } else { self };
        Self { home_percent, ..worse }
    }
}

/// Which regions are drained by verdict: those that were and are not well yet, and then, while the cap has
/// room, those that leave already, and those that would, in order. A frozen one stays what it is, and takes no
/// room: a freeze of hours must not keep the next region from being left.
pub(crate) fn drain(
    drained: &mut BTreeSet<String>,
    priority: &Priority,
    verdict: impl Fn(&str) -> Verdict,
    leaving: impl Fn(&str) -> bool,
) {
    let may = |region: &str| priority.contains(region) && priority.intent(region) == Intent::Auto;
    let frozen = |region: &str| priority.is_frozen(region);
    drained.retain(|region| may(region) && (frozen(region) || verdict(region) >= Verdict::Recovering));
    let cap = usize::try_from(priority.shift.max_drained_regions).unwrap_or(usize::MAX);
    let due = |region: &str| match verdict(region) {
        Verdict::Degraded => true,
        Verdict::Recovering => leaving(region),
        Verdict::Healthy | Verdict::Suspected => false,
    };
    let mut candidates: Vec<&str> =
        priority.names().filter(|region| may(region) && !frozen(region) && due(region)).collect();
    candidates.sort_by_key(|region| !leaving(region));
    for region in candidates {
        if drained.iter().filter(|region| !frozen(region)).count() >= cap {
            return;
        }
        drained.insert(region.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::priority::{Ordered, PriorityRegion, Shift};

    fn priority(cap: u32) -> Priority {
        let regions = ["a", "b", "c"].map(|name| PriorityRegion { name: name.into(), intent: Intent::Auto });
        Priority {
            regions: regions.into(),
            shift: Shift { max_drained_regions: cap, ..Shift::default() },
            ..Priority::default()
        }
    }

    fn names(drained: &BTreeSet<String>) -> Vec<&str> {
        drained.iter().map(String::as_str).collect()
    }

    #[test]
    fn no_more_than_the_cap_and_the_first_stays_first() {
        let mut drained = BTreeSet::new();
        drain(
            &mut drained,
            &priority(1),
            |region| if region == "b" { Verdict::Degraded } else { Verdict::Healthy },
            |_| false,
        );
        assert_eq!(names(&drained), ["b"]);
        drain(&mut drained, &priority(1), |_| Verdict::Degraded, |_| false);
        assert_eq!(names(&drained), ["b"], "the order of events counts, not of names");
        drain(&mut drained, &priority(2), |_| Verdict::Degraded, |region| region == "c");
        assert_eq!(names(&drained), ["b", "c"], "who leaves already comes first");
    }

    #[test]
    fn who_is_frozen_takes_no_room_and_keeps_its_place_when_it_thaws() {
        let degraded = |region: &str| if region == "c" { Verdict::Healthy } else { Verdict::Degraded };
        let mut drained = BTreeSet::from(["a".to_owned()]);
        let freeze = Ordered { freeze: Some("frozen by alice".to_owned()), ..Ordered::default() };
        let frozen = Priority { orders: [("a".to_owned(), freeze)].into(), ..priority(1) };
        drain(&mut drained, &frozen, degraded, |_| false);
        assert_eq!(names(&drained), ["a", "b"]);
        drain(&mut drained, &frozen, |_| Verdict::Degraded, |_| false);
        assert_eq!(names(&drained), ["a", "b"], "the others still keep the cap");
        drain(&mut drained, &priority(1), |_| Verdict::Degraded, |_| false);
        assert_eq!(names(&drained), ["a", "b"], "nobody is sent back to a region that is degraded");
    }

    #[test]
    fn who_recovers_still_holds_its_place() {
        let mut drained = BTreeSet::from(["a".to_owned()]);
        let verdict = |region: &str| if region == "a" { Verdict::Recovering } else { Verdict::Degraded };
        drain(&mut drained, &priority(1), verdict, |_| false);
        assert_eq!(names(&drained), ["a"]);
        drain(
            &mut drained,
            &priority(1),
            |region| if region == "a" { Verdict::Healthy } else { Verdict::Degraded },
            |_| false,
        );
        assert_eq!(names(&drained), ["b"]);
    }
}
