//! What a person sends, and the commands it becomes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Book, Command, Fault, Kind, MAX_COMMANDS, MAX_GAMEDAY, MAX_LIFETIME};
use crate::priority::Priority;
use crate::time::Time;

const MAX_REASON: usize = 256;

/// What a person can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verb {
    /// Keep traffic away.
    Drain,
    /// End a drain.
    Undrain,
    /// Keep traffic there.
    Pin,
    /// End a pin.
    Unpin,
    /// No verdict moves its traffic.
    Freeze,
    /// End a freeze.
    Unfreeze,
    /// Its own gateways play ill.
    Gameday,
    /// They are well again.
    EndGameday,
}

impl Verb {
    /// The kind of command, and whether it begins or ends one.
    #[must_use]
    pub const fn kind(self) -> (Kind, bool) {
        match self {
            Self::Drain => (Kind::Drain, true),
            Self::Undrain => (Kind::Drain, false),
            Self::Pin => (Kind::Pin, true),
            Self::Unpin => (Kind::Pin, false),
            Self::Freeze => (Kind::Freeze, true),
            Self::Unfreeze => (Kind::Freeze, false),
            Self::Gameday => (Kind::Gameday, true),
            Self::EndGameday => (Kind::Gameday, false),
        }
    }
}

/// The body of `POST /.well-known/spillway/commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// What is to be done.
    pub command: Verb,
    /// With which region.
    pub region: String,
    /// For which priority; absent: for all that have the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// For so many seconds, 1 to 86400. What ends a command needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
    /// With `Gameday`, and only then: what its gateways do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Why: 1 to 256 characters on one line.
    pub reason: String,
}

/// Why an order was not taken. Names the field and says what is allowed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// No priority here has the region.
    #[error("region: {0:?} is in no RegionPriority that this gateway knows; known are: {1}")]
    Region(String, String),
    /// No such priority, or not with this region.
    #[error("priority: {0:?} is no RegionPriority with region {1:?}; allowed are: {2}")]
    Priority(String, String, String),
    /// A duration that is missing or out of bounds.
    #[error("forSeconds: 1 to {max} seconds are required", max = MAX_LIFETIME.as_secs())]
    Lifetime,
    /// Ends at once.
    #[error("forSeconds: a command that ends another has no duration")]
    NoLifetime,
    /// Words that do not fit a line.
    #[error("reason: 1 to {MAX_REASON} characters on one line are required")]
    Reason,
    /// Nothing would be left.
    #[error("region: draining {0:?} would leave no region of RegionPriority {1:?} that traffic may go to")]
    NothingLeft(String, String),
    /// A fault that is none, or where none belongs.
    #[error(
        "fault: with Gameday exactly one of latencyMilliseconds (1 to 60000, with sharePercent 1 to 100), errorPercent (1 to \
         100) and dead (without a priority) is required, and with nothing else"
    )]
    Fault,
    /// A game day that lasts too long.
    #[error("forSeconds: 1 to {max} seconds are required of a game day", max = MAX_GAMEDAY.as_secs())]
    GamedayLifetime,
    /// One at a time.
    #[error("a game day is under way: {0} is {1}")]
    GamedayTaken(String, String),
    /// Not with this gateway.
    #[error("the gateway of {0} does not allow game days: it runs without --allow-gameday")]
    GamedayOff(String),
    /// Only the region's own gateways know how it is.
    #[error("region: a game day of {0:?} is ordered at a gateway of that region; this one is of {1:?}")]
    GamedayElsewhere(String, String),
    /// It would not be safe.
    #[error("no game day now: {0}")]
    Gameday(String),
    /// Too many.
    #[error("{MAX_COMMANDS} commands are held, which is as many as may be: wait until one ends")]
    Full,
}

impl Book {
    /// Takes a person's order, given `by` this name to the gateway of member `via`. Gives what is new.
    pub fn order(
        &mut self,
        now: Time,
        (by, via): (&str, &str),
        order: &Order,
        priorities: &BTreeMap<String, Priority>,
    ) -> Result<Vec<Command>, Refusal> {
        check(order, priorities)?;
        let (kind, begins) = order.command.kind();
        let issued_at = self.next(now);
        let command = |nth: usize, priority: Option<String>, lifetime: Duration| Command {
            id: format!("{via}-{}-{nth}", issued_at.0),
            kind,
            fault: order.fault,
            region: order.region.clone(),
            priority,
            reason: order.reason.trim().to_owned(),
            by: by.to_owned(),
            via: via.to_owned(),
            issued_at,
            expires_at: issued_at + lifetime,
            revoked: !begins,
        };
        let made: Vec<Command> = if begins {
            self.check_drain(now, order, priorities)?;
            self.check_alone(now, kind)?;
            let lifetime = Duration::from_secs(order.for_seconds.unwrap_or_default());
            vec![command(0, order.priority.clone(), lifetime)]
        } else {
            let ended = self.subjects(kind, order).into_iter();
            (0..).zip(ended).map(|(nth, priority)| command(nth, priority, MAX_LIFETIME)).collect()
        };
        let made = self.within_room(made)?;
        for command in &made {
            self.put(command);
        }
        Ok(made)
    }

    /// As much of it as a full book has a place for: what is known already. What should end is then not hindered
    /// by what only another gateway may know.
    fn within_room(&self, mut made: Vec<Command>) -> Result<Vec<Command>, Refusal> {
        if self.is_full() {
            made.retain(|new| self.all().iter().any(|known| known.subject() == new.subject()));
        }
        if made.is_empty() { Err(Refusal::Full) } else { Ok(made) }
    }

    /// What an end is about: the priority that it names; without one, all priorities together and each that has
    /// a command of its own. Also what is not known here is ended, for another gateway may know it.
    fn subjects(&self, kind: Kind, order: &Order) -> Vec<Option<String>> {
        let own = self.all().iter().filter(|known| known.kind == kind && known.region == order.region);
        let mut subjects = vec![order.priority.clone()];
        if order.priority.is_none() {
            subjects.extend(own.filter(|known| known.priority.is_some()).map(|known| known.priority.clone()));
        }
        subjects
    }

    /// A second game day is refused, whoever's and wherever it is.
    fn check_alone(&self, now: Time, kind: Kind) -> Result<(), Refusal> {
        match self.gameday(now).filter(|_| kind == Kind::Gameday) {
            Some(known) => Err(Refusal::GamedayTaken(known.region.clone(), known.to_string())),
            None => Ok(()),
        }
    }

    /// A drain that no priority could follow is refused. Of several it is followed where it can be.
    fn check_drain(
        &self,
        now: Time,
        order: &Order,
        priorities: &BTreeMap<String, Priority>,
    ) -> Result<(), Refusal> {
        let mut about = priorities.iter().filter(|(name, priority)| {
            priority.contains(&order.region) && order.priority.as_ref().is_none_or(|wanted| wanted == *name)
        });
        let leaves = |name: &str, priority: &Priority| {
            let governed = self.govern(name, priority, now);
            governed
                .regions
                .iter()
                .any(|entry| entry.name != order.region && entry.intent != crate::priority::Intent::Drained)
        };
        let first = about.clone().next().map(|(name, _)| name.clone()).unwrap_or_default();
        if order.command == Verb::Drain && !about.any(|(name, priority)| leaves(name, priority)) {
            return Err(Refusal::NothingLeft(order.region.clone(), first));
        }
        Ok(())
    }
}

fn check(order: &Order, priorities: &BTreeMap<String, Priority>) -> Result<(), Refusal> {
    let with_region: Vec<&str> = priorities
        .iter()
        .filter(|(_, priority)| priority.contains(&order.region))
        .map(|(name, _)| name.as_str())
        .collect();
    if with_region.is_empty() {
        let mut known: Vec<&str> = priorities.values().flat_map(Priority::names).collect();
        known.sort_unstable();
        known.dedup();
        return Err(Refusal::Region(order.region.clone(), listed(&known)));
    }
    if let Some(name) = order.priority.as_deref().filter(|name| !with_region.contains(name)) {
        return Err(Refusal::Priority(name.to_owned(), order.region.clone(), listed(&with_region)));
    }
    let (_, begins) = order.command.kind();
    match order.for_seconds {
        Some(_) if !begins => return Err(Refusal::NoLifetime),
        seconds if order.command == Verb::Gameday => {
            let most = MAX_GAMEDAY.as_secs();
            if !seconds.is_some_and(|seconds| (1..=most).contains(&seconds)) {
                return Err(Refusal::GamedayLifetime);
            }
        }
        Some(seconds) if (1..=MAX_LIFETIME.as_secs()).contains(&seconds) => {}
        None if !begins => {}
        _ => return Err(Refusal::Lifetime),
    }
    check_fault(order)?;
    let reason = order.reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(Refusal::Reason);
    }
    Ok(())
}

fn check_fault(order: &Order) -> Result<(), Refusal> {
    let sound = match order.fault {
        Some(fault) if order.command == Verb::Gameday => {
            fault.is_sound() && !(fault.dead && order.priority.is_some())
        }
        fault => fault.is_none() && order.command != Verb::Gameday,
    };
    if sound { Ok(()) } else { Err(Refusal::Fault) }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
