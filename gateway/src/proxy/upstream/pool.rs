//! One backend at run time: who of its endpoints gets the next request, who is ejected, what is in flight.
//!
//! What to do is decided in `spillway_decide::balance`; here are the counters that it reads and the short locks
//! around its memory. A config that changes the endpoints makes a new pool; what is known of those that stay,
//! and of the backend as a whole, goes over to it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use spillway_decide::Time;
use spillway_decide::balance::health::{Ejected, may_eject};
use spillway_decide::balance::{Health, Outcome, Standing, pick};

use super::Endpoint;
use super::flow::Flow;
use super::watch::Watch;
use crate::config::{Backend, Protocol};

/// The endpoints of one backend.
pub(crate) struct Pool {
    /// The config that was last found to say the same.
    generation: AtomicU64,
    protocol: Protocol,
    ready: Vec<Arc<Member>>,
    terminating: Vec<Arc<Member>>,
    /// By what an affinity cookie says.
    tokens: HashMap<String, usize>,
    /// One ejection at a time, so that the cap holds.
    ejecting: Mutex<()>,
    pub(super) flow: Arc<Flow>,
    pub(super) watch: Watch,
}

/// An endpoint as this backend knows it.
pub(super) struct Member {
    pub(super) endpoint: Arc<Endpoint>,
    since: Time,
    token: String,
    health: Mutex<Health>,
    /// Milliseconds of [`Time`]; read for every request, without a lock.
    ejected_until: AtomicU64,
}

/// An endpoint that was picked.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(super) pool: Arc<Pool>,
    pub(super) member: Arc<Member>,
}

/// How a request chooses.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// Endpoints that have failed it already.
    pub(crate) not: &'a [SocketAddr],
    /// What its affinity cookie says.
    pub(crate) token: Option<&'a str>,
    /// How long endpoints start slowly.
    pub(crate) slow_start: Duration,
}

impl Pool {
    /// The pool of a backend, after `before`.
    pub(super) fn new(
        backend: &Backend,
        generation: u64,
        now: Time,
        name: &str,
        before: Option<&Self>,
        watch: Watch,
        endpoint: impl Fn(SocketAddr, Protocol) -> Arc<Endpoint>,
    ) -> Self {
        // Where all are new, nobody is to be spared by the others.
        let since = if before.is_none_or(|before| before.ready.is_empty()) { Time(0) } else { now };
        let before = before.filter(|before| before.protocol == backend.protocol);
        let members = |addresses: &[SocketAddr], known: Option<&Vec<Arc<Member>>>| -> Vec<Arc<Member>> {
            let known: HashMap<SocketAddr, &Arc<Member>> =
                known.into_iter().flatten().map(|member| (member.endpoint.address(), member)).collect();
            let member = |address: &SocketAddr| match known.get(address) {
                Some(member) => Arc::clone(member),
                None => Arc::new(Member::new(endpoint(*address, backend.protocol), since, name)),
            };
            addresses.iter().map(member).collect()
        };
        let ready = members(&backend.ready, before.map(|before| &before.ready));
        let terminating = members(&backend.terminating, before.map(|before| &before.terminating));
        let tokens = ready.iter().enumerate().map(|(index, member)| (member.token.clone(), index)).collect();
        let flow = before.map_or_else(
            || Arc::new(Flow::new(now)),
            |before| {
                before.flow.resized(before.ready.len(), ready.len());
                Arc::clone(&before.flow)
            },
        );
        Self {
            generation: AtomicU64::new(generation),
            protocol: backend.protocol,
            ready,
            terminating,
            tokens,
            ejecting: Mutex::new(()),
            flow,
            watch,
        }
    }

    /// Whether this is the pool of the config of that generation, or of a later one.
    pub(super) fn is_current(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Relaxed) >= generation
    }

    /// Whether the backend says what this pool is made of; remembers it if so.
    pub(super) fn still_is(&self, backend: &Backend, generation: u64) -> bool {
        let same = |members: &[Arc<Member>], addresses: &[SocketAddr]| {
            members.iter().map(|member| member.endpoint.address()).eq(addresses.iter().copied())
        };
        let same = self.protocol == backend.protocol
            && same(&self.ready, &backend.ready)
            && same(&self.terminating, &backend.terminating);
        if same {
            self.generation.fetch_max(generation, Ordering::Relaxed);
        }
        same
    }

    /// An endpoint for a request. Those that are terminating still serve, but only when none is ready.
    pub(crate) fn pick(self: &Arc<Self>, now: Time, wish: Wish<'_>) -> Option<Chosen> {
        let members = if self.ready.is_empty() { &self.terminating } else { &self.ready };
        let standing = |index: usize| members.get(index).map_or(Standing::Out, |one| one.standing(now, wish));
        let sticky = wish.token.and_then(|token| self.tokens.get(token).copied());
        let sticky = sticky.filter(|index| matches!(standing(*index), Standing::In { .. }));
        let index = sticky.or_else(|| {
            let mut random = rand::rng();
            pick(members.len(), standing, |below| random.random_range(0..below))
        });
        let member = members.get(index?)?;
        Some(Chosen { pool: Arc::clone(self), member: Arc::clone(member) })
    }

    /// Takes in how a request ended, and ejects the endpoint if that is due and the cap allows it.
    fn note(&self, member: &Member, now: Time, outcome: Outcome) {
        let whole = self.flow.tally(now, outcome);
        let Some(reason) = member.health.lock().note(now, outcome, whole) else { return };
        let _one_at_a_time = self.ejecting.lock();
        if member.is_ejected(now) || !may_eject(self.ready.len(), self.ejected(now)) {
            return;
        }
        let lasts = member.health.lock().eject(now, reason);
        member.ejected_until.store((now + lasts).0, Ordering::Relaxed);
        self.watch.ejected(reason);
        let (address, seconds) = (member.endpoint.address(), lasts.as_secs());
        tracing::info!(%address, seconds, %reason, "endpoint ejected");
    }

    /// What goes through the backend.
    pub(crate) const fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// What its endpoints speak.
    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The first of these that an affinity cookie of ours says.
    pub(crate) fn known_token<'a>(&self, mut shown: impl Iterator<Item = &'a str>) -> Option<String> {
        shown.find(|token| self.tokens.contains_key(*token)).map(str::to_owned)
    }

    fn ejected(&self, now: Time) -> usize {
        self.ready.iter().filter(|member| member.is_ejected(now)).count()
    }

    pub(super) fn ready(&self) -> &[Arc<Member>] {
        &self.ready
    }

    pub(super) fn terminating(&self) -> &[Arc<Member>] {
        &self.terminating
    }
}

impl Member {
    fn new(endpoint: Arc<Endpoint>, since: Time, backend: &str) -> Self {
        let token = super::affinity::token(backend, endpoint.address());
        let (health, ejected_until) = (Mutex::default(), AtomicU64::new(0));
        Self { endpoint, since, token, health, ejected_until }
    }

    fn standing(&self, now: Time, wish: Wish<'_>) -> Standing {
        if wish.not.contains(&self.endpoint.address()) {
            return Standing::Out;
        }
        if self.is_ejected(now) {
            return Standing::Ejected;
        }
        Standing::In { load: self.endpoint.load(), weight: self.weight(now, wish.slow_start) }
    }

    /// When it was last ready anew: by its config, or by the end of an ejection.
    fn back(&self) -> Time {
        self.since.max(Time(self.ejected_until.load(Ordering::Relaxed)))
    }

    fn is_ejected(&self, now: Time) -> bool {
        now.0 < self.ejected_until.load(Ordering::Relaxed)
    }

    /// Why and until when, if it is ejected now.
    pub(super) fn ejection(&self, now: Time) -> Option<Ejected> {
        if self.is_ejected(now) { self.health.lock().last() } else { None }
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.health.lock().in_a_row()
    }

    /// Its part of the requests, in thousandths.
    pub(super) fn weight(&self, now: Time, slow_start: Duration) -> u32 {
        pick::weight(now, self.back(), slow_start)
    }
}

impl Chosen {
    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.member.endpoint.address()
    }

    /// What it speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        self.member.endpoint.protocol()
    }

    /// What an affinity cookie says to come here again.
    pub(crate) fn token(&self) -> &str {
        &self.member.token
    }

    /// Notes how a request here ended.
    pub(crate) fn note(&self, now: Time, outcome: Outcome) {
        self.pool.note(&self.member, now, outcome);
    }
}

#[cfg(test)]
mod tests;
