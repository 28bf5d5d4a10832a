//! The commands that a gateway knows. Merging is commutative, associative and idempotent: gateways that have
//! heard of the same commands hold the same book.

use serde::{Deserialize, Serialize};

use super::{Command, Kind, MAX_COMMANDS, MAX_SKEW};
use crate::time::Time;

/// At most one command on each subject (region, kind, priorities), in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Book {
    commands: Vec<Command>,
}

impl Book {
    /// Everything that has not ended, the revoked ones included.
    #[must_use]
    pub fn all(&self) -> &[Command] {
        &self.commands
    }

    /// What is in force, in the order of its issue.
    #[must_use]
    pub fn in_force(&self, now: Time) -> Vec<&Command> {
        let mut found: Vec<&Command> =
            self.commands.iter().filter(|command| !command.revoked && command.lives(now)).collect();
        found.sort_by(|a, b| a.rank().cmp(&b.rank()));
        found
    }

    /// Takes in what another gateway, or the disk, knows; says what of it is news. What has ended, what is of an
    /// unknown kind, and what a sound gateway with a reasonable clock cannot have issued, is passed over.
    pub fn merge(&mut self, now: Time, heard: &[Command]) -> Vec<Command> {
        let mut news = Vec::new();
        for command in heard.iter().filter(|command| is_credible(now, command)) {
            if self.put(command) {
                news.push(command.clone());
            }
        }
        self.bound();
        news
    }

    /// Forgets what has ended, and says which of it was in force until now.
    pub fn expire(&mut self, now: Time) -> Vec<Command> {
        let ended = self.commands.extract_if(.., |command| !command.lives(now));
        ended.filter(|command| !command.revoked).collect()
    }

    pub(super) fn is_full(&self) -> bool {
        self.commands.len() >= MAX_COMMANDS
    }

    /// Later than every command that is known: clocks that differ do not make a person's last word the first.
    pub(super) fn next(&self, now: Time) -> Time {
        let latest = self.commands.iter().map(|command| command.issued_at).max();
        latest.map_or(now, |latest| now.max(Time(latest.0.saturating_add(1))))
    }

    /// Puts it in the place of an earlier one; false if it is not later.
    pub(super) fn put(&mut self, command: &Command) -> bool {
        match self.commands.binary_search_by(|known| known.subject().cmp(&command.subject())) {
            Ok(place) => match self.commands.get_mut(place) {
                Some(known) if known.rank() < command.rank() => {
                    *known = command.clone();
                    true
                }
                _ => false,
            },
            Err(place) => {
                self.commands.insert(place, command.clone());
                true
            }
        }
    }

    /// Gateways that took commands apart from each other may together hold too many; the earliest go, on every
    /// gateway the same.
    fn bound(&mut self) {
        while self.commands.len() > MAX_COMMANDS {
            let earliest = self.commands.iter().enumerate().min_by_key(|(_, command)| command.rank());
            let Some(place) = earliest.map(|(place, _)| place) else { return };
            self.commands.remove(place);
        }
    }
}

fn is_credible(now: Time, command: &Command) -> bool {
    command.kind != Kind::Unknown
        && command.lives(now)
        && command.issued_at <= now + MAX_SKEW
        && command.expires_at <= command.issued_at + command.longest()
        && (command.kind != Kind::Gameday || command.revoked || command.is_sound_gameday())
}
