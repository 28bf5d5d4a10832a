//! Playing ill on a game day: whether it is our turn, and what becomes of an arrival then.
//!
//! Off unless the gateway was started with `--allow-gameday`. It ends with its command and when another region falls ill,
//! and what has ended here does not begin again. It rests while nothing is decided: whatever else breaks, it does not go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use spillway_decide::Time;
use spillway_decide::commands::{Book, Command, Fault, Order, Refusal, Touch, hindrance};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

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
    /// Commands that are over here though they live: whoever wants more says it again.
    over: Mutex<BTreeSet<String>>,
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
    ended: CancellationToken,
}

/// Whether a gateway of this region says that it took it, as only they may. Its word is not proven: gateways of one member,
/// who have one name, hear of each other's commands through other regions.
fn is_of_this_region(via: &str, config: &Config) -> bool {
    let own = &config.identity;
    via == own.member || config.peers.iter().any(|peer| peer.member == via && peer.region == own.region)
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

    /// Waits for so long, but no longer than the game day lasts.
    pub async fn hold(&self, pause: Duration) {
        let Some(played) = self.played() else { return };
        let left = played.until.since(self.inner.clock.now());
        let _ = timeout(pause.min(left), played.ended.cancelled()).await;
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
        self.inner.gameday.over.lock().retain(|id| book.all().iter().any(|known| known.id == *id));
        let Some(command) = command else { return self.stop_playing("it has ended") };
        if self.inner.gameday.over.lock().contains(&command.id) {
            return self.stop_playing("another one counts");
        }
        // At first sight as strictly as at the door: it may have been on its way for a while.
        let begun = self.inner.gameday.played.load().as_ref().is_some_and(|it| it.command == command.id);
        let foreign = (!is_of_this_region(&command.via, config))
            .then(|| format!("{} is no member of this region", command.via));
        let hindrance = || self.hindrance(config, book, |name| command.covers(name), begun);
        match foreign.or_else(hindrance) {
            None => self.go_on(config, command, now),
            Some(found) => {
                self.stop_playing(&found);
                if self.inner.gameday.over.lock().insert(command.id.clone()) {
                    tracing::warn!(command = command.id, why = found, "game day: not played");
                }
            }
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
        self.stop_playing("another one is played");
        tracing::warn!(command = command.id, %fault, until = command.expires_at.rfc3339(), "game day: playing ill");
        gameday.played.store(Some(Arc::new(Played {
            command: command.id.clone(),
            fault,
            priorities: about.map(|(name, _)| name.clone()).collect(),
            until: command.expires_at,
            confirmed: AtomicU64::new(now.0),
            arrivals: AtomicU64::new(0),
            ended: CancellationToken::new(),
        })));
        gameday.on.store(true, Ordering::Relaxed);
    }

    fn stop_playing(&self, why: &str) {
        self.inner.gameday.on.store(false, Ordering::Relaxed);
        if let Some(played) = self.inner.gameday.played.swap(None) {
            tracing::warn!(command = played.command, fault = %played.fault, why, "game day: well again");
            self.inner.gameday.over.lock().insert(played.command.clone());
            played.ended.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use spillway_decide::Peer;

    use super::*;
    use crate::config::Identity;

    #[test]
    fn only_this_region_s_members_take_its_game_days() {
        let peer = |member: &str, region: &str| Peer {
            member: member.to_owned(),
            region: region.to_owned(),
            ..Peer::default()
        };
        let identity = Identity { region: "a".into(), member: "a-1".into(), ..Identity::default() };
        let peers = vec![peer("a-2", "a"), peer("b-1", "b")];
        let config = Config { identity, peers, ..Config::default() };
        for (via, of_this_region) in [("a-1", true), ("a-2", true), ("b-1", false), ("a", false), ("", false)]
        {
            assert_eq!(is_of_this_region(via, &config), of_this_region, "{via:?}");
        }
    }
}
