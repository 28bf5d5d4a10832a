//! Commands: what a person says at any gateway while the hub cannot be asked. Drain a region, pin it, freeze it, have it
//! play ill on a game day; for a while, and with a reason.
//!
//! All gateways hold the same [`Book`] of them, which they exchange with their reports. A book only ever takes
//! the later of two commands about the same thing, and forgets each at its end, so that it does not matter in
//! which order, how often and over whom gateways hear of them. How commands change what a priority wants is
//! [`Book::govern`]; a command never empties an answer.

mod book;
mod gameday;
mod govern;
mod order;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

pub use book::Book;
pub use gameday::{Fault, MAX_GAMEDAY, Touch, hindrance};
pub use order::{Order, Refusal, Verb};

use crate::time::Time;

/// A command is in force for so long at most: whoever wants more says it in a `RegionPriority`.
pub const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// Commands that gateways hold at most, the revoked ones included.
pub const MAX_COMMANDS: usize = 256;
/// Gateways' clocks may differ so much; what seems to come from further ahead is not believed.
pub const MAX_SKEW: Duration = Duration::from_mins(5);

/// What is wanted of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Kind {
    /// Keep traffic away from it, whatever the verdict.
    Drain,
    /// Keep its traffic there, whatever the verdict.
    Pin,
    /// Whatever verdicts say of it, its traffic stays where it is now.
    Freeze,
    /// On a game day: its own gateways treat its own arrivals as if it were ill.
    Gameday,
    /// A newer gateway's word that this one does not know; it is not kept.
    #[default]
    Unknown,
}

/// Not derived: a kind that a newer gateway knows must not make its whole report unreadable.
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "Drain" => Self::Drain,
            "Pin" => Self::Pin,
            "Freeze" => Self::Freeze,
            "Gameday" => Self::Gameday,
            _ => Self::Unknown,
        })
    }
}

impl Kind {
    /// What the region is by it: `drained`.
    #[must_use]
    pub const fn participle(self) -> &'static str {
        match self {
            Self::Drain => "drained",
            Self::Pin => "pinned",
            Self::Freeze => "frozen",
            Self::Gameday => "on a game day",
            Self::Unknown => "under an unknown command",
        }
    }
}

/// One command, as it travels between gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Command {
    /// Unique among all: who asks whether a gateway knows it asks by this.
    pub id: String,
    /// What is wanted.
    pub kind: Kind,
    /// With a game day: what its gateways do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Of which region.
    pub region: String,
    /// For which priority; none: for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Why, in the person's words.
    pub reason: String,
    /// Who says it, by the name in the credential.
    pub by: String,
    /// The member whose gateway took it.
    pub via: String,
    /// When, by that gateway's clock.
    pub issued_at: Time,
    /// Until when.
    pub expires_at: Time,
    /// It takes back what was said before. It is kept until whatever it revokes would have ended by itself.
    pub revoked: bool,
}

impl Command {
    /// What a later command must share to take the place of this one.
    fn subject(&self) -> (&str, Kind, Option<&str>) {
        (&self.region, self.kind, self.priority.as_deref())
    }

    /// Of two commands on the same subject the later one counts; the identifier decides a tie.
    fn rank(&self) -> (Time, &str) {
        (self.issued_at, &self.id)
    }

    /// How long one of its kind may last.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        match self.kind {
            Kind::Gameday if !self.revoked => MAX_GAMEDAY,
            _ => MAX_LIFETIME,
        }
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn lives(&self, now: Time) -> bool {
        self.expires_at > now
    }

    /// Whether it is about this priority.
    #[must_use]
    pub fn covers(&self, priority: &str) -> bool {
        self.priority.as_deref().is_none_or(|name| name == priority)
    }
}

/// `drained by alice until 2026-11-23T03:40:00Z: maintenance`.
impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, by, reason, expires_at, .. } = self;
        if self.revoked {
            return write!(formatter, "no longer {}, says {by}: {reason}", kind.participle());
        }
        let fault = self.fault.map(|fault| format!(", it {fault},")).unwrap_or_default();
        write!(formatter, "{}{fault} by {by} until {}: {reason}", kind.participle(), expires_at.rfc3339())
    }
}

#[cfg(test)]
mod tests;
