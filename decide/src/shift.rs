//! Where a gateway sends its own arrivals.
//!
//! A region alone decides this, by its own evidence: a Degraded region's arrivals leave it by steps, for a
//! region that is within its bounds, that it reaches itself, and that grants; they come home by the steps of its recovery; a standby forwards what
//! reaches it to the active region. When nowhere is better, traffic stays (fail open).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::priority::{Enforcement, Intent, Mode, Priority};
use crate::share::Shares;
use crate::standing::Standing;
use crate::time::Time;
use crate::verdict::Verdict;

/// A target that left its bounds while it helped is not asked again for so long.
const FROZEN_FOR: Duration = Duration::from_mins(1);

/// The memory of a region's own shift.
#[derive(Clone, Debug, Default)]
pub struct Shifter {
    /// Who helps.
    target: Option<String>,
    /// Percent that is away, and since when.
    away: u32,
    stepped: Time,
    /// The active region that it follows while it stands by.
    follows: Option<String>,
    /// Who left its bounds while it helped, and until when it is not asked.
    frozen: BTreeMap<String, Time>,
}

/// What a region knows when it decides about its arrivals.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The moment.
    pub now: Time,
    /// The region that decides.
    pub me: &'a str,
    /// What people want.
    pub priority: &'a Priority,
    /// How every region stands, in order; the own one by self evidence only.
    pub standings: &'a [Standing],
    /// Nothing that this region serves is answered at all.
    pub outage: bool,
}

/// Where arrivals go and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The shares.
    pub shares: Shares,
    /// In words.
    pub reason: String,
    /// Traffic should leave, and stays because nowhere is better.
    pub stuck: bool,
}

impl Course {
    /// What is done of it: nothing, where people only observe.
    pub(crate) fn under(self, enforcement: Enforcement, me: &str) -> Self {
        if enforcement == Enforcement::Enforce {
            return self;
        }
        let reason = format!("only observing; would send arrivals to {}: {}", self.shares, self.reason);
        Self { shares: Shares::all(me), reason, stuck: false }
    }
}

impl<'a> Field<'a> {
    fn own(&self) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.region == self.me)
    }

    fn others(&self) -> impl Iterator<Item = &Standing> + Clone {
        self.standings.iter().filter(|standing| standing.region != self.me)
    }

    /// Those that people do not keep empty.
    fn wanted(&self) -> impl Iterator<Item = &'a Standing> + use<'a> {
        self.standings.iter().filter(|standing| standing.intent != Intent::Drained)
    }

    fn local(&self, reason: impl Into<String>) -> Course {
        Course { shares: Shares::all(self.me), reason: reason.into(), stuck: false }
    }
}

impl Shifter {
    /// Decides the shares. To be asked about every 100 ms.
    pub fn decide(&mut self, field: &Field<'_>) -> Course {
        self.frozen.retain(|_, until| *until > field.now);
        let Some(own) = field.own() else {
            return field.local("not a region of this priority");
        };
        match (own.intent, own.verdict) {
            (Intent::Pinned, _) => self.stay(field, "pinned by intent"),
            _ if self.stands_by(field) => {
                self.rest();
                self.forward(field)
            }
            (Intent::Drained, _) => self.leave(field),
            (Intent::Auto, Verdict::Degraded) if own.drained => self.leave(field),
            (Intent::Auto, Verdict::Recovering) if own.drained => self.come_home(field, own.home_percent),
            (Intent::Auto, Verdict::Degraded | Verdict::Recovering) => self.capped(field),
            (Intent::Auto, Verdict::Healthy | Verdict::Suspected) => {
                self.rest();
                self.forward(field)
            }
        }
    }

    fn rest(&mut self) {
        (self.target, self.away) = (None, 0);
    }

    fn stay(&mut self, field: &Field<'_>, reason: &str) -> Course {
        self.rest();
        field.local(reason)
    }

    fn capped(&mut self, field: &Field<'_>) -> Course {
        self.rest();
        if field.others().any(Standing::takes_more) {
            let reason = "as many regions are drained as may be: traffic stays";
            return Course { stuck: true, ..field.local(reason) };
        }
        self.fail_open(field)
    }

    /// Nowhere is better: traffic stays.
    fn fail_open(&self, field: &Field<'_>) -> Course {
        let mut well = field.others().filter(|standing| standing.takes_more()).peekable();
        let reason = if !field.others().any(Standing::serves_on) {
            "no region is within its bounds: traffic stays"
        } else if well.peek().is_none() {
            "no region that is within its bounds is reached from here: traffic stays"
        } else if well.any(|standing| self.frozen.contains_key(&standing.region)) {
            "who could help has just left its bounds while it helped: traffic stays"
        } else {
            "no region that is within its bounds grants: traffic stays"
        };
        Course { stuck: true, ..field.local(reason) }
    }

    /// A region that is well serves its arrivals itself, unless it stands by. Like every shift, forwarding
    /// begins only to a region that takes more; it goes on while that is Suspected.
    fn forward(&mut self, field: &Field<'_>) -> Course {
        if field.priority.mode == Mode::Local {
            return field.local("serves its own arrivals");
        }
        let Some(active) = self.active(field) else {
            return self.fail_open(field);
        };
        let before = field.wanted().take_while(|standing| standing.region != active.region);
        let home = before.into_iter().find(|standing| standing.verdict == Verdict::Recovering);
        self.follows = Some(active.region.clone());
        forward_to(field, home, active)
    }

    /// The first region that arrivals may be forwarded to, this one included.
    fn active<'a>(&self, field: &Field<'a>) -> Option<&'a Standing> {
        let follows = |standing: &&Standing| match standing.verdict {
            Verdict::Healthy | Verdict::Suspected => {
                standing.takes_more()
                    || standing.region == field.me
                    || self.follows.as_ref().is_none_or(|name| *name == standing.region)
            }
            Verdict::Recovering | Verdict::Degraded => false,
        };
        field.wanted().find(follows)
    }

    /// Whether a region before this one serves its arrivals anyway. Then its own verdict and a drain change
    /// nothing: steps away would begin by bringing home what is away already.
    fn stands_by(&self, field: &Field<'_>) -> bool {
        let Some(active) = self.active(field).filter(|active| active.grant > 0) else { return false };
        let mut order = field.standings.iter();
        let first =
            order.find(|standing| [field.me, active.region.as_str()].contains(&standing.region.as_str()));
        field.priority.mode == Mode::Ordered && first.is_some_and(|first| first.region != field.me)
    }

    /// The next step away, to the target or, if that left its bounds, from the first step to the next one.
    fn leave(&mut self, field: &Field<'_>) -> Course {
        let Some(target) = self.helper(field) else {
            self.rest();
            return self.fail_open(field);
        };
        self.step(field);
        let grant =
            field.others().find(|standing| standing.region == target).map_or(0, |target| target.grant);
        Course {
            shares: Shares::split(field.me, 100 - self.away, &target),
            reason: format!("{} % spills to {target} (grant {grant} req/s)", self.away),
            stuck: false,
        }
    }

    fn step(&mut self, field: &Field<'_>) {
        let shift = &field.priority.shift;
        let due =
            self.away == 0 || field.now.since(self.stepped) >= Duration::from_secs(shift.step_seconds.into());
        if field.outage {
            self.away = 100;
        } else if due {
            let next = shift.steps_percent.iter().copied().find(|percent| *percent > self.away);
            self.away = next.unwrap_or(100).min(100);
            self.stepped = field.now;
        }
    }

    /// The step home that the recovery has reached; the rest stays with the helper.
    fn come_home(&mut self, field: &Field<'_>, home: u32) -> Course {
        let Some(target) = self.helper(field) else {
            self.rest();
            return self.fail_open(field);
        };
        self.away = 100 - home.min(100);
        self.stepped = field.now;
        Course {
            shares: Shares::split(field.me, home, &target),
            reason: format!("{home} % is home, {} % still goes to {target}", self.away),
            stuck: false,
        }
    }

    /// Who helps: whoever does while it is within its bounds and grants, even if our probes have trouble, for
    /// the grant tells that it hears us; else the next that we reach. Who left its bounds is frozen; a grant
    /// that ended may come again.
    fn helper(&mut self, field: &Field<'_>) -> Option<String> {
        let mut granting = field.others().filter(|standing| standing.grant > 0);
        if let Some(target) = &self.target {
            let serves_on = |standing: &Standing| standing.region == *target && standing.serves_on();
            if granting.clone().any(serves_on) {
                self.target = self.preferred(field).or_else(|| self.target.clone());
                return self.target.clone();
            }
            if !field.others().any(serves_on) {
                self.frozen.insert(target.clone(), field.now + FROZEN_FOR);
            }
        }
        let next = granting.find(|standing| self.may_help(standing));
        self.target = next.map(|standing| standing.region.clone());
        self.away = 0;
        self.target.clone()
    }

    fn may_help(&self, standing: &Standing) -> bool {
        standing.grant > 0 && standing.takes_more() && !self.frozen.contains_key(&standing.region)
    }

    /// In mode Ordered, who serves everybody else's arrivals is the first region that can; once all of ours are
    /// away they follow there, though another one, whose grant came sooner, helped first.
    fn preferred(&self, field: &Field<'_>) -> Option<String> {
        let ordered = field.priority.mode == Mode::Ordered && self.away == 100;
        let first = field.others().find(|standing| ordered && self.may_help(standing))?;
        let mut order = field.others().map(|standing| &standing.region);
        let sooner = order.find(|region| **region == first.region || Some(*region) == self.target.as_ref());
        sooner.cloned()
    }
}

/// To the active region, and to a preferred one that recovers as much as is to be home there.
fn forward_to(field: &Field<'_>, home: Option<&Standing>, active: &Standing) -> Course {
    let granted = |standing: &Standing| standing.region == field.me || standing.grant > 0;
    let base = if granted(active) { active.region.as_str() } else { field.me };
    let mut reason = match (active.region == field.me, granted(active)) {
        (true, _) => "active".to_owned(),
        (false, true) => format!("stands by: forwards to {}", active.region),
        (false, false) => format!("stands by, but {} grants nothing", active.region),
    };
    let Some(home) = home.filter(|home| granted(home)) else {
        return Course { shares: Shares::all(base), reason, stuck: false };
    };
    reason = format!("{reason}; {} recovers: {} % is home", home.region, home.home_percent);
    Course { shares: Shares::split(&home.region, home.home_percent, base), reason, stuck: false }
}

#[cfg(test)]
#[path = "shift_tests.rs"]
mod tests;
