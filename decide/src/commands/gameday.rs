//! Game days: for a while a region's own gateways treat its own arrivals as if it were ill, so that people see a
//! failover that is real. What may begin, and what has to end at once, is said here; gateways do it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Book, Command, Kind};
use crate::priority::{Enforcement, Intent, Priority};
use crate::report::PriorityView;
use crate::time::Time;
use crate::verdict::Verdict;

/// A game day ends after so long at most.
pub const MAX_GAMEDAY: Duration = Duration::from_hours(1);
/// No request is held longer.
const MAX_LATENCY_MILLISECONDS: u32 = 60_000;

/// What becomes of the arrivals of a region that plays ill. Exactly one of the three is set. A newer gateway's kind of
/// fault that this one does not know leaves all unset, and nothing is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Fault {
    /// They take so many milliseconds more; 1 to 60000.
    #[serde(skip_serializing_if = "is_zero")]
    pub latency_milliseconds: u32,
    /// So many percent of them get 503; 1 to 100.
    #[serde(skip_serializing_if = "is_zero")]
    pub error_percent: u32,
    /// Other regions' probes of the front door get 503. People's requests are served as ever.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dead: bool,
    /// With latency: how many percent of them it is added to; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_percent: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Fault {
    /// Whether exactly one kind is set, within its bounds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let kinds = [self.latency_milliseconds > 0, self.error_percent > 0, self.dead];
        let share = self.share_percent.is_none_or(|share| (1..=100).contains(&share) && !self.dead);
        let share = share && (self.share_percent.is_none() || self.latency_milliseconds > 0);
        kinds.iter().filter(|set| **set).count() == 1
            && self.latency_milliseconds <= MAX_LATENCY_MILLISECONDS
            && self.error_percent <= 100
            && share
    }

    /// What becomes of the arrival of this number, counted from any beginning. Of a hundred in a row exactly as many are
    /// touched as the percentage says.
    #[must_use]
    pub fn touch(&self, number: u64) -> Touch {
        let dice = number.wrapping_mul(37) % 100;
        if dice < u64::from(self.error_percent) {
            Touch::Fail
        } else if self.latency_milliseconds > 0 && dice < u64::from(self.share_percent.unwrap_or(100)) {
            // What comes from elsewhere is checked; this is where it would hurt people if the check were ever forgotten.
            Touch::Hold(Duration::from_millis(self.latency_milliseconds.min(MAX_LATENCY_MILLISECONDS).into()))
        } else {
            Touch::Nothing
        }
    }

    /// Whether the region's probes of its own backends are to fail with it: they would if half of what they ask did.
    #[must_use]
    pub fn spoils_probes(&self, bound: Duration) -> bool {
        let slow = Duration::from_millis(self.latency_milliseconds.into()) >= bound;
        let share = self.share_percent.unwrap_or(100);
        self.error_percent >= 50 || (self.latency_milliseconds > 0 && slow && share >= 50)
    }
}

/// `adds 4000 ms to 100 % of its arrivals`.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency_milliseconds, error_percent, dead, share_percent } = *self;
        match (latency_milliseconds, error_percent, dead) {
            (0, 0, true) => formatter.write_str("answers other regions' probes as if it were dead"),
            (0, percent, _) => write!(formatter, "fails {percent} % of its arrivals"),
            (more, ..) => {
                write!(formatter, "adds {more} ms to {} % of its arrivals", share_percent.unwrap_or(100))
            }
        }
    }
}

/// What becomes of one arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// It is served as ever.
    Nothing,
    /// It is held for so long, and then served.
    Hold(Duration),
    /// It is answered 503.
    Fail,
}

impl Command {
    /// Whether a game day is one that a gateway would have taken, whoever says that one did.
    pub(super) fn is_sound_gameday(&self) -> bool {
        self.fault.is_some_and(|fault| fault.is_sound() && !(fault.dead && self.priority.is_some()))
    }
}

impl Book {
    /// The game day that is on. Of several, which gateways took apart from each other, the earliest: all gateways
    /// agree on it once they have heard of both, and two regions never play ill for long.
    #[must_use]
    pub fn gameday(&self, now: Time) -> Option<&Command> {
        self.in_force(now).into_iter().find(|command| command.kind == Kind::Gameday)
    }
}

/// Why a game day of a region must not begin, or, once begun, has to rest: traffic could not leave, or there is nobody
/// well to take it. `views` are what the region's gateway believes. None: it may be.
#[must_use]
pub fn hindrance(
    region: &str,
    covers: impl Fn(&str) -> bool,
    priorities: &BTreeMap<String, Priority>,
    views: &BTreeMap<String, PriorityView>,
    begun: bool,
) -> Option<String> {
    let mut about = priorities.iter().filter(|(name, it)| covers(name) && it.contains(region)).peekable();
    if about.peek().is_none() {
        return Some(format!("{region} is in no RegionPriority that it is about"));
    }
    about.find_map(|(name, priority)| {
        let view = views.get(name);
        let found = stuck(region, priority).or_else(|| unwell(region, priority, view, begun));
        found.map(|found| format!("{found} in RegionPriority {name}"))
    })
}

/// Its traffic could not leave.
fn stuck(region: &str, priority: &Priority) -> Option<String> {
    let takes = |name: &str| name != region && priority.intent(name) != Intent::Drained;
    if !priority.names().any(takes) {
        return Some(format!("no region but {region} takes traffic"));
    }
    if priority.enforcement == Enforcement::Observe {
        return Some("it is only observed, so that nothing moves,".to_owned());
    }
    if priority.shift.max_drained_regions == 0 {
        return Some("maxDrainedRegions is 0, so that no region is ever left".to_owned());
    }
    if priority.is_frozen(region) {
        return Some(format!("{region} is frozen"));
    }
    match priority.intent(region) {
        Intent::Auto => None,
        other => Some(format!("{region} is {other:?}")),
    }
}

/// Another region is, so that leaving this one too might cross the cap; or, before it begins, this one is already.
fn unwell(region: &str, priority: &Priority, view: Option<&PriorityView>, begun: bool) -> Option<String> {
    let Some(view) = view else { return Some("nothing is decided yet".to_owned()) };
    let worst = if begun { Verdict::Suspected } else { Verdict::Healthy };
    let about = priority.names().filter(|name| priority.intent(name) != Intent::Drained);
    let mut about = about.filter(|name| !(begun && *name == region));
    about.find_map(|name| match view.regions.get(name) {
        None => Some(format!("nothing is known of {name}")),
        Some(seen) if seen.verdict > worst => Some(format!("{name} is {}", seen.verdict)),
        Some(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::priority::PriorityRegion;
    use crate::report::RegionView;

    fn fault(latency: u32, errors: u32, dead: bool, share: Option<u32>) -> Fault {
        Fault { latency_milliseconds: latency, error_percent: errors, dead, share_percent: share }
    }

    #[test]
    fn exactly_one_fault_within_its_bounds_is_sound() {
        for (fault, sound) in [
            (fault(4000, 0, false, None), true),
            (fault(60_000, 0, false, Some(10)), true),
            (fault(0, 100, false, None), true),
            (fault(0, 0, true, None), true),
            (fault(0, 0, false, None), false),
            (fault(60_001, 0, false, None), false),
            (fault(0, 101, false, None), false),
            (fault(1, 1, false, None), false),
            (fault(1, 0, true, None), false),
            (fault(0, 0, true, Some(5)), false),
            (fault(0, 5, false, Some(5)), false),
            (fault(5, 0, false, Some(0)), false),
        ] {
            assert_eq!(fault.is_sound(), sound, "{fault:?}");
        }
    }

    #[test]
    fn of_a_hundred_arrivals_as_many_are_touched_as_is_said() {
        let touched =
            |fault: Fault| (1234..1334).filter(|number| fault.touch(*number) != Touch::Nothing).count();
        assert_eq!(touched(fault(0, 30, false, None)), 30);
        assert_eq!(touched(fault(500, 0, false, None)), 100);
        assert_eq!(touched(fault(500, 0, false, Some(7))), 7);
        assert_eq!(touched(fault(0, 0, true, None)), 0);
        assert_eq!(touched(Fault::default()), 0, "a kind that is not known does nothing");
        assert_eq!(fault(u32::MAX, 0, false, None).touch(0), Touch::Hold(Duration::from_mins(1)));
    }

    #[test]
    fn probes_fail_with_what_they_ask() {
        let bound = Duration::from_millis(1500);
        for (fault, spoiled) in [
            (fault(4000, 0, false, None), true),
            (fault(4000, 0, false, Some(10)), false),
            (fault(900, 0, false, None), false),
            (fault(0, 50, false, None), true),
            (fault(0, 30, false, None), false),
            (fault(0, 0, true, None), false),
        ] {
            assert_eq!(fault.spoils_probes(bound), spoiled, "{fault}");
        }
    }

    fn world(
        change: impl FnOnce(&mut Priority, &mut PriorityView),
    ) -> (BTreeMap<String, Priority>, BTreeMap<String, PriorityView>) {
        let names = ["a", "b", "c"];
        let region = |name: &&str| PriorityRegion { name: (*name).to_owned(), ..PriorityRegion::default() };
        let mut priority = Priority { regions: names.iter().map(region).collect(), ..Priority::default() };
        let well = |name: &&str| ((*name).to_owned(), RegionView::default());
        let mut view = PriorityView { regions: names.iter().map(well).collect(), ..PriorityView::default() };
        change(&mut priority, &mut view);
        ([("p".to_owned(), priority)].into(), [("p".to_owned(), view)].into())
    }

    fn verdict(of: &str, verdict: Verdict) -> impl FnOnce(&mut Priority, &mut PriorityView) {
        let of = of.to_owned();
        move |_, view| view.regions.entry(of).or_default().verdict = verdict
    }

    #[test]
    fn it_begins_only_where_everybody_is_well_and_rests_when_another_is_not() {
        let ask = |world: (BTreeMap<_, _>, BTreeMap<_, _>), begun| {
            hindrance("a", |_| true, &world.0, &world.1, begun)
        };
        for begun in [false, true] {
            assert_eq!(ask(world(|_, _| ()), begun), None);
            let ill = ask(world(verdict("b", Verdict::Degraded)), begun);
            assert_eq!(ill.as_deref(), Some("b is Degraded in RegionPriority p"));
            let alone = ask(world(|priority, _| priority.regions.truncate(1)), begun);
            assert_eq!(alone.as_deref(), Some("no region but a takes traffic in RegionPriority p"));
            let never = ask(world(|priority, _| priority.shift.max_drained_regions = 0), begun);
            assert!(never.is_some());
            let observed = ask(world(|priority, _| priority.enforcement = Enforcement::Observe), begun);
            assert_eq!(
                observed.as_deref(),
                Some("it is only observed, so that nothing moves, in RegionPriority p")
            );
            let pinned = ask(world(|priority, _| priority.regions[0].intent = Intent::Pinned), begun);
            assert_eq!(pinned.as_deref(), Some("a is Pinned in RegionPriority p"));
            let drained = |priority: &mut Priority, view: &mut PriorityView| {
                priority.regions[1].intent = Intent::Drained;
                view.regions.get_mut("b").unwrap().verdict = Verdict::Degraded;
            };
            assert_eq!(ask(world(drained), begun), None, "who is drained is no target anyway");
        }
        assert_eq!(ask(world(verdict("b", Verdict::Suspected)), true), None, "a doubt is no reason to stop");
        assert!(ask(world(verdict("b", Verdict::Suspected)), false).is_some());
        assert_eq!(ask(world(verdict("a", Verdict::Degraded)), true), None, "that is what it is for");
        assert!(ask(world(verdict("a", Verdict::Degraded)), false).is_some());
        assert!(ask(world(|_, view| drop(view.regions.remove("c"))), true).is_some());
        let (priorities, views) = world(|_, _| ());
        assert!(hindrance("x", |_| true, &priorities, &views, false).is_some());
        assert!(hindrance("a", |name| name == "q", &priorities, &views, false).is_some());
    }
}
