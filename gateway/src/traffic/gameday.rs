//! Playing ill on a game day: whether it is our turn, and what becomes of an arrival then.
//!
//! Off unless the gateway was started with `--allow-gameday`. It ends with its command, when another region falls ill, and
//! when nothing is decided any more: whatever else breaks, it does not go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use spillway_decide::Time;
use spillway_decide::commands::{Book, Command, Fault, Order, Refusal, Touch, hindrance};

use super::Traffic;
use crate::config::Config;

/// Decisions are made each 100 ms; without one for so long, it rests.
const UNDECIDED: Duration = Duration::from_secs(2);

/// What a gateway knows of its own illness.
#[derive(Default)]
pub(super) struct Gameday {
    allowed: AtomicBool,
    /// The reader's first look, which is all that it costs on other days.
    on: AtomicBool,
    played: ArcSwapOption<Played>,
}

/// What is played now.
struct Played {
    command: String,
    fault: Fault,
    priorities: BTreeSet<String>,
    until: Time,
    /// Milliseconds: when it was last found that it may go on.
    confirmed: AtomicU64,
    arrivals: AtomicU64,
}

impl Traffic {
    /// From now on this gateway may play ill.
    pub fn allow_gameday(&self) {
        self.inner.gameday.allowed.store(true, Ordering::Relaxed);
    }

    /// Whether it may.
    pub(super) fn allows_gameday(&self) -> bool {
        self.inner.gameday.allowed.load(Ordering::Relaxed)
    }

    /// What a game day does with an arrival of our own front door.
    #[must_use]
    pub fn touch(&self, priority: &str) -> Touch {
        if !self.inner.gameday.on.load(Ordering::Relaxed) {
            return Touch::Nothing;
        }
        match self.played().filter(|played| played.priorities.contains(priority)) {
            Some(played) => played.fault.touch(played.arrivals.fetch_add(1, Ordering::Relaxed)),
            None => Touch::Nothing,
        }
    }

    /// Whether the other regions' probes are to find nobody.
    #[must_use]
    pub fn plays_dead(&self) -> bool {
        self.played().is_some_and(|played| played.fault.dead)
    }

    /// Whether our own probes of a priority's backends are to fail.
    pub(super) fn spoils_probes(&self, priority: &str, bound: Duration) -> bool {
        let played = self.played().filter(|played| played.priorities.contains(priority));
        played.is_some_and(|played| played.fault.spoils_probes(bound))
    }

    /// What is played, in words; empty if nothing is.
    pub(super) fn gameday(&self) -> String {
        self.played().map(|played| played.fault.to_string()).unwrap_or_default()
    }

    fn played(&self) -> Option<Arc<Played>> {
        let now = self.inner.clock.now();
        let lasts = |played: &Arc<Played>| {
            let confirmed = Time(played.confirmed.load(Ordering::Relaxed));
            played.until > now && now.since(confirmed) < UNDECIDED
        };
        self.inner.gameday.played.load_full().filter(lasts)
    }

    /// Whether an order to begin one may be taken here and now.
    pub(super) fn check_gameday(&self, config: &Config, book: &Book, order: &Order) -> Result<(), Refusal> {
        if !self.allows_gameday() {
            return Err(Refusal::GamedayOff(config.identity.member.clone()));
        }
        if order.region != config.identity.region {
            return Err(Refusal::GamedayElsewhere(order.region.clone(), config.identity.region.clone()));
        }
        let covers = |name: &str| order.priority.as_deref().is_none_or(|wanted| wanted == name);
        self.hindrance(config, book, covers, false).map_or(Ok(()), |found| Err(Refusal::Gameday(found)))
    }

    /// After each round of decisions: begins, goes on or ends.
    pub(super) fn play(&self, config: &Config, book: &Book) {
        let now = self.inner.clock.now();
        let command = book.gameday(now).filter(|command| command.region == config.identity.region);
        let command = command.filter(|_| self.allows_gameday());
        let Some(command) = command else { return self.stop_playing("it has ended") };
        match self.hindrance(config, book, |name| command.covers(name), true) {
            Some(found) => self.stop_playing(&found),
            None => self.go_on(config, command, now),
        }
    }

    fn hindrance(
        &self,
        config: &Config,
        book: &Book,
        covers: impl Fn(&str) -> bool,
        begun: bool,
    ) -> Option<String> {
        let now = self.inner.clock.now();
        let governed = config
            .priorities
            .iter()
            .map(|(name, it)| (name.clone(), book.govern(name, it, now).into_owned()));
        let views = self.each(|report| report.view.clone());
        hindrance(&config.identity.region, covers, &governed.collect(), &views, begun)
    }

    fn go_on(&self, config: &Config, command: &Command, now: Time) {
        let gameday = &self.inner.gameday;
        if let Some(played) = gameday.played.load().as_ref().filter(|played| played.command == command.id) {
            return played.confirmed.store(now.0, Ordering::Relaxed);
        }
        let region = &config.identity.region;
        let about = config.priorities.iter().filter(|(name, it)| command.covers(name) && it.contains(region));
        let fault = command.fault.unwrap_or_default();
        tracing::warn!(command = command.id, %fault, until = command.expires_at.rfc3339(), "game day: playing ill");
        gameday.played.store(Some(Arc::new(Played {
            command: command.id.clone(),
            fault,
            priorities: about.map(|(name, _)| name.clone()).collect(),
            until: command.expires_at,
            confirmed: AtomicU64::new(now.0),
            arrivals: AtomicU64::new(0),
        })));
        gameday.on.store(true, Ordering::Relaxed);
    }

    fn stop_playing(&self, why: &str) {
        self.inner.gameday.on.store(false, Ordering::Relaxed);
        if let Some(played) = self.inner.gameday.played.swap(None) {
            tracing::warn!(command = played.command, fault = %played.fault, why, "game day: well again");
        }
    }
}
