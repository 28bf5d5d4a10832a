//! When each thing of the story happened: a fold over frames.

use std::collections::BTreeMap;

use spillway_decide::Verdict;

use super::{
    frame::{DnsView, Frame},
    terms::Terms,
};

/// One thing that the story is made of, in the order in which they must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// The region's own gateway suspects it.
    Suspected,
    /// Every DNS server gives the short TTL.
    TtlShort,
    /// The region's own gateway calls it degraded.
    Degraded,
    /// The first step away: 10 %.
    Shifted10,
    /// 65 % of its arrivals go elsewhere.
    Shifted65,
    /// All of them do.
    Shifted100,
    /// No DNS server sends people there any more.
    DnsAway,
    /// No client is at its front door any more.
    ClientsAway,
    /// Its gateway calls it recovering.
    Recovering,
    /// The first step home is taken: some of its arrivals are served at home again.
    FirstStepHome,
    /// All of its arrivals are served at home.
    LastStepHome,
    /// Its gateway calls it healthy.
    Healthy,
    /// Every DNS server sends people there again, with the long TTL.
    DnsHome,
    /// Every client is back at its front door.
    ClientsHome,
}

impl Milestone {
    /// All of them, in the order of the story.
    pub const ALL: [Self; 14] = [
        Self::Suspected,
        Self::TtlShort,
        Self::Degraded,
        Self::Shifted10,
        Self::Shifted65,
        Self::Shifted100,
        Self::DnsAway,
        Self::ClientsAway,
        Self::Recovering,
        Self::FirstStepHome,
        Self::LastStepHome,
        Self::Healthy,
        Self::DnsHome,
        Self::ClientsHome,
    ];

    /// For people.
    #[must_use]
    pub fn words(self, terms: &Terms) -> String {
        let region = &terms.region;
        match self {
            Self::Suspected => format!("{region} is suspected"),
            Self::TtlShort => {
                format!("every DNS answer has the short TTL ({} s)", terms.priority.dns.suspect_ttl_seconds)
            }
            Self::Degraded => format!("{region} is degraded"),
            Self::Shifted10 => format!("10 % of {region}'s arrivals spill over"),
            Self::Shifted65 => format!("65 % of {region}'s arrivals spill over"),
            Self::Shifted100 => format!("all of {region}'s arrivals spill over"),
            Self::DnsAway => format!("no DNS server answers with {region}"),
            Self::ClientsAway => format!("the last client has left {region}"),
            Self::Recovering => format!("{region} is recovering"),
            Self::FirstStepHome => format!("the first step home: {region} serves some of its arrivals"),
            Self::LastStepHome => format!("the last step home: {region} serves all of its arrivals"),
            Self::Healthy => format!("{region} is healthy"),
            Self::DnsHome => {
                format!("every DNS server answers with {region}, TTL {} s", terms.priority.dns.ttl_seconds)
            }
            Self::ClientsHome => format!("the last client is back at {region}"),
        }
    }

    /// Whether it belongs to the way home, which begins when the fault ends.
    #[must_use]
    pub fn on_the_way_home(self) -> bool {
        self >= Self::Recovering
    }

    /// Whether a frame shows it.
    fn shown(self, frame: &Frame, terms: &Terms) -> bool {
        let region = terms.region.as_str();
        let (verdict, kept, dns) = (frame.verdict(region), frame.kept_percent(region), &terms.priority.dns);
        match self {
            Self::Suspected => matches!(verdict, Some(Verdict::Suspected | Verdict::Degraded)),
            Self::TtlShort => every_answer(frame, |it| it.ttl_seconds <= dns.suspect_ttl_seconds),
            Self::Degraded => verdict == Some(Verdict::Degraded),
            Self::Shifted10 => kept.is_some_and(|kept| kept <= 90),
            Self::Shifted65 => kept.is_some_and(|kept| kept <= 35),
            Self::Shifted100 => kept == Some(0),
            Self::DnsAway => every_answer(frame, |it| it.region != region),
            Self::ClientsAway => frame.clients > 0 && frame.clients_of(region) == 0,
            Self::Recovering => matches!(verdict, Some(Verdict::Recovering | Verdict::Healthy)),
            Self::FirstStepHome => kept.is_some_and(|kept| kept > 0),
            Self::LastStepHome => kept.is_some_and(|kept| kept >= 100),
            Self::Healthy => verdict == Some(Verdict::Healthy),
            Self::DnsHome => {
                every_answer(frame, |it| it.region == region && it.ttl_seconds == dns.ttl_seconds)
            }
            Self::ClientsHome => frame.all_clients_at(region),
        }
    }
}

fn every_answer(frame: &Frame, right: impl Fn(&DnsView) -> bool) -> bool {
    !frame.dns.is_empty() && frame.dns.values().all(right)
}

/// The story so far: when the fault began and ended, and when each milestone was first seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Milestones {
    /// When the region was made slow.
    pub onset: Option<f64>,
    /// When it was made whole again.
    pub healed: Option<f64>,
    seen: BTreeMap<Milestone, f64>,
}

impl Milestones {
    /// Reads a frame. Each milestone is entered once, when it is first seen in its half of the story: what a
    /// healthy world shows before the onset is not a recovery.
    pub fn read(&mut self, frame: &Frame, terms: &Terms) {
        for milestone in Milestone::ALL {
            let half_began = if milestone.on_the_way_home() { self.healed } else { self.onset };
            let began = half_began.is_some_and(|began| frame.at >= began);
            let over = !milestone.on_the_way_home() && self.healed.is_some_and(|healed| frame.at >= healed);
            if began && !over && !self.seen.contains_key(&milestone) && milestone.shown(frame, terms) {
                self.seen.insert(milestone, frame.at);
            }
        }
    }

    /// When a milestone was first seen, in seconds since the traffic began.
    #[must_use]
    pub fn at(&self, milestone: Milestone) -> Option<f64> {
        self.seen.get(&milestone).copied()
    }

    /// Seconds from one milestone to another.
    #[must_use]
    pub fn between(&self, from: Milestone, to: Milestone) -> Option<f64> {
        Some(self.at(to)? - self.at(from)?)
    }

    /// Seconds from the onset of the fault.
    #[must_use]
    pub fn since_onset(&self, milestone: Milestone) -> Option<f64> {
        Some(self.at(milestone)? - self.onset?)
    }

    /// Seconds from the end of the fault.
    #[must_use]
    pub fn since_healed(&self, milestone: Milestone) -> Option<f64> {
        Some(self.at(milestone)? - self.healed?)
    }

    /// When everything was as before: every milestone of the way home is reached.
    #[must_use]
    pub fn home(&self) -> Option<f64> {
        let way = Milestone::ALL.into_iter().filter(|it| it.on_the_way_home());
        way.map(|milestone| self.at(milestone)).try_fold(0.0, |latest: f64, at| Some(latest.max(at?)))
    }

    /// Seconds from the end of the fault until everything was as before.
    #[must_use]
    pub fn home_seconds(&self) -> Option<f64> {
        Some(self.home()? - self.healed?)
    }
}
