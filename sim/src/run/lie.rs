//! Deliberate lies about what was decided, to see that each invariant catches its own.

use spillway_decide::votes::Opinion;
use spillway_decide::{Decision, Priority, Shares, Verdict};

/// What a gateway does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// What came by spill is forwarded again.
    SecondHop,
    /// Spill does not look at grants.
    NoGrants,
    /// While something is suspected, DNS answers without addresses.
    EmptyAnswers,
    /// The cap on drained regions is not kept.
    NoCap,
    /// Three seconds less than the hold are enough.
    ShortHold,
    /// It takes two seconds more than the hold.
    LongHold,
    /// One vote gives a region up.
    LoneVote,
    /// A region that was given up is never taken back.
    NoReturn,
    /// Clients are hashed anew each minute.
    SaltedHash,
    /// Who stands by sends away whom the active region could serve.
    Wanderlust,
    /// Every route goes where its region goes, also where it was shed.
    OneForAll,
    /// No route is ever told to be the exception.
    Hush,
    /// What people froze moves all the same.
    Thaw,
}

impl Lie {
    /// What the gateway takes for people's wish.
    pub(super) fn wish(self, priority: &Priority) -> Option<Priority> {
        let mut wish = priority.clone();
        match self {
            Self::NoCap => wish.shift.max_drained_regions = u32::MAX,
            Self::ShortHold => wish.health.hold_seconds = wish.health.hold_seconds.saturating_sub(3),
            Self::LongHold => wish.health.hold_seconds += 4,
            Self::Thaw => wish.orders.clear(),
            Self::NoReturn => {
                wish.recovery.hold_seconds = 86_400;
                wish.recovery.max_hold_seconds = 86_400;
            }
            _ => return None,
        }
        Some(wish)
    }

    /// What the gateway makes of its decision.
    pub(super) fn twist(self, me: &str, now: u64, decision: &mut Decision) {
        match self {
            Self::EmptyAnswers => {
                if let Some(answer) = decision.answer.as_mut().filter(|answer| answer.ttl_seconds < 30) {
                    answer.addresses.clear();
                }
            }
            Self::LoneVote => {
                let bad = decision.report.votes.iter().filter(|(_, vote)| vote.opinion == Opinion::Bad);
                decision.report.unreachable = bad.map(|(region, _)| region.clone()).collect();
            }
            Self::OneForAll => decision.routes.clear(),
            Self::Hush => {
                decision.routes.clear();
                decision.report.routes.iter_mut().for_each(|told| told.exceptions.clear());
            }
            Self::Wanderlust if now > 40_000 => {
                let away = decision.report.view.regions.iter().rev().find(|(name, view)| {
                    name.as_str() != me
                        && view.verdict == Verdict::Healthy
                        && decision.shares.percent(name) == 0
                });
                if let Some((name, _)) =
                    away.filter(|(name, _)| decision.grants.get(*name).is_some_and(|grant| *grant > 0))
                {
                    decision.shares = Shares::all(name);
                }
            }
            _ => {}
        }
    }
}
