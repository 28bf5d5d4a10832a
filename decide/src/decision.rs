//! What one step of deciding takes and gives: plain data, so that whoever watches sees what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::answers::Answer;
use crate::assessment::Assessment;
use crate::census::Census;
use crate::observer::Witnesses;
use crate::peer::Peer;
use crate::priority::Priority;
use crate::report::PriorityReport;
use crate::share::Shares;
use crate::time::Time;
use crate::verdict::Verdict;
use crate::votes::Vote;

/// What a gateway knows at one moment about one priority.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The moment; never before the last one.
    pub now: Time,
    /// The gateway's region.
    pub region: &'a str,
    /// What people want.
    pub priority: &'a Priority,
    /// All gateways of the federation, this one included.
    pub peers: &'a [Peer],
    /// Self evidence.
    pub own: &'a Assessment,
    /// The same, route by route.
    pub routes: &'a Census,
    /// This gateway's votes on the other regions.
    pub votes: &'a BTreeMap<String, Vote>,
    /// The witnesses, as this gateway asked them last.
    pub witnesses: Witnesses,
    /// The latest report of each other member.
    pub heard: &'a [Heard],
    /// What this gateway can carry for the priority, in requests a second.
    pub ceiling: u32,
}

impl Input<'_> {
    /// Whether our newest probe of a region's door was not answered.
    pub(crate) fn unanswered(&self, region: &str) -> bool {
        self.votes.get(region).is_some_and(|vote| vote.unanswered)
    }
}

/// A report as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// When.
    pub at: Time,
    /// Whose region's.
    pub region: String,
    /// What it says about the priority; shared, for it is looked at many times.
    pub report: Arc<PriorityReport>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to tell the peers.
    pub report: PriorityReport,
    /// Where our own arrivals go.
    pub shares: Shares,
    /// The same for the routes whose arrivals go elsewhere than the others, by id.
    pub routes: BTreeMap<String, Shares>,
    /// The routes that this region sheds, whoever forwards them, and since when.
    pub shed: BTreeMap<String, Time>,
    /// Regions with a gateway that does not know of routes' verdicts: nothing is shed towards them.
    pub unaware: BTreeSet<String>,
    /// The routes whose windows are to be kept and told of, with or without requests.
    pub watched: BTreeSet<String>,
    /// Requests a second that each region grants us.
    pub grants: BTreeMap<String, u32>,
    /// What DNS answers; `None` when no region has an address.
    pub answer: Option<Answer>,
    /// What is different from the last step, each with its reason.
    pub changes: Vec<Change>,
}

/// A difference from one step to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A region's effective verdict.
    Verdict {
        /// The region.
        region: String,
        /// Before.
        from: Verdict,
        /// Now.
        to: Verdict,
        /// Why.
        reason: String,
    },
    /// Where our own arrivals go.
    Shares {
        /// The shares.
        to: Shares,
        /// Why.
        reason: String,
    },
    /// A route that is not as its region is, or is again.
    Route {
        /// Its id.
        route: String,
        /// Its verdict now.
        verdict: Verdict,
        /// Where its arrivals go.
        to: Shares,
        /// Why.
        reason: String,
    },
    /// What DNS answers.
    Answer {
        /// The region.
        region: String,
        /// For so long.
        ttl_seconds: u32,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict { region, from, to, reason } => {
                write!(formatter, "{region} {from} -> {to}: {reason}")
            }
            Self::Shares { to, reason } => write!(formatter, "arrivals go to {to}: {reason}"),
            Self::Route { route, verdict, to, reason } => {
                write!(formatter, "route {route} is {verdict}, arrivals go to {to}: {reason}")
            }
            Self::Answer { region, ttl_seconds, reason } => {
                write!(formatter, "DNS answers {region} for {ttl_seconds} s: {reason}")
            }
        }
    }
}
