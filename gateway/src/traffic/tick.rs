//! Deciding: every 100 ms, and at once when a peer has told something new.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use spillway_decide::Change;
use spillway_decide::grants::DEFAULT_CEILING;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Traffic;
use super::inbox::{Gist, gist};
use super::live::{Live, Surroundings};
use crate::config::Config;

const TICK: Duration = Duration::from_millis(100);

pub(super) async fn decide(traffic: Traffic, stop: CancellationToken) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = BTreeMap::new();
    let mut applied: Option<Arc<Config>> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            () = traffic.inner.news.notified() => {}
        }
        let config = traffic.inner.config.borrow().clone();
        if !applied.as_ref().is_some_and(|applied| Arc::ptr_eq(applied, &config)) {
            traffic.apply(&config);
            applied = Some(Arc::clone(&config));
        }
        traffic.step(&config, &mut told);
    }
}

impl Traffic {
    /// Makes the priorities at run time those of the config.
    pub(super) fn apply(&self, config: &Config) {
        let now = self.inner.clock.now();
        let routes: HashSet<&str> = config.routes.routes().iter().map(|route| route.id.as_str()).collect();
        let mut lives = self.inner.lives.write();
        lives.retain(|name, _| config.priorities.contains_key(name));
        for (name, priority) in &config.priorities {
            let live = lives.entry(name.clone()).or_insert_with(|| Arc::new(Live::new(now, priority)));
            live.reconfigure(now, priority, &config.peers);
            live.routes.reconfigure(now, &priority.health, |route| routes.contains(route));
        }
        drop(lives);
        let is_peer = |member: &str| config.other_peers().any(|peer| peer.member == member);
        self.inner.inbox.lock().retain(is_peer);
        self.inner.contacts.lock().retain(is_peer);
    }

    /// Decides on every priority, and says what is different: to the log, and at once to the peers.
    pub(super) fn step(&self, config: &Config, told: &mut BTreeMap<String, Gist>) {
        self.expire_commands();
        let book = self.inner.book.lock().clone();
        let ceiling = ceiling(config);
        let lives = self.inner.lives.read().clone();
        let mut urgent = false;
        told.retain(|name, _| lives.contains_key(name));
        for (name, live) in lives {
            let Some(wanted) = config.priorities.get(&name) else { continue };
            let heard = self.inner.inbox.lock().about(&name);
            let now = self.inner.clock.now();
            let around = Surroundings {
                now,
                identity: &config.identity,
                peers: &config.peers,
                heard: &heard,
                ceiling,
                measured: self.inner.measured.read().get(&name).copied(),
            };
            let changes = live.step(&book.govern(&name, wanted, now), &around);
            log(&name, &changes);
            let new = live.decision().map(|decision| gist(&decision.report));
            if let Some(new) = new.filter(|new| told.get(&name) != Some(new)) {
                told.insert(name, new);
                urgent = true;
            }
        }
        self.play(config, &book);
        self.inner.counters.steps.fetch_add(1, Ordering::Relaxed);
        if urgent {
            self.inner.urgent.send_modify(|count| *count += 1);
        }
    }
}

/// One line for each thing that is different, with its reason.
fn log(priority: &str, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Verdict { region, from, to, reason } => {
                tracing::info!(priority, region, %from, %to, reason, "verdict");
            }
            Change::Shares { to, reason } => tracing::info!(priority, shares = %to, reason, "shares"),
            Change::Route { route, verdict, to, reason } => {
                tracing::info!(priority, route, %verdict, shares = %to, reason, "route");
            }
            Change::Answer { region, ttl_seconds, reason } => {
                tracing::info!(priority, region, ttl_seconds, reason, "answer");
            }
        }
    }
}

/// What this member can carry for one priority: its declared capacity in equal parts, so that what it grants
/// for all of them stays within. Undeclared, nobody knows what it can, and each gets the default.
fn ceiling(config: &Config) -> u32 {
    let own = config.peers.iter().find(|peer| peer.member == config.identity.member);
    match own.and_then(|peer| peer.max_requests_per_second) {
        Some(capacity) => capacity / u32::try_from(config.priorities.len().max(1)).unwrap_or(u32::MAX),
        None => DEFAULT_CEILING,
    }
}
