//! Members, as the hub knows them: each with its own caches, queue and health. What runs for them is in
//! [`propagate`](crate::propagate).

mod sweeps;

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::{ResourceExt, api::DynamicObject};
use parking_lot::{Mutex, RwLock};
use spillway_crds::names::annotations::PRIORITY;
use spillway_placement::{MemberId, ObjectKey};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{cache::Cache, copy, identity::Issued, object::Kind, queue::Queue};

pub(crate) use sweeps::Sweeps;

/// How long a member may take to be listed before that is worth a status.
const SETTLING: SignedDuration = SignedDuration::from_secs(5);

/// Whether a member's API server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It does.
    Answers,
    /// It was not asked yet.
    Unasked,
    /// It does not; why.
    Silent(String),
    /// It cannot be asked; why.
    Invalid(&'static str, String),
}

/// What is known of a member's health.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// Whether it answers.
    pub(crate) reach: Reach,
    /// Since when.
    pub(crate) since: Timestamp,
    /// When it last answered.
    pub(crate) last_seen: Option<Timestamp>,
    /// What it says it is.
    pub(crate) version: Option<String>,
    /// Watches that do not work, and why.
    pub(crate) blind: BTreeMap<Kind, String>,
    /// Deletes that wait for a person.
    pub(crate) held: Option<String>,
}

/// A member, while its connection stays the same.
#[derive(Debug)]
pub(crate) struct Member {
    /// Name of the `MemberCluster`.
    pub(crate) name: String,
    /// What the placement map calls it by; none if it has no room there.
    pub(crate) id: Option<MemberId>,
    /// Its region.
    pub(crate) region: String,
    /// It is the hub itself.
    pub(crate) in_place: bool,
    /// Objects that wait to be looked at there.
    pub(crate) queue: Queue<ObjectKey>,
    /// Inferred deletes that wait for the guard.
    pub(crate) sweeps: Sweeps,
    /// The identity that was issued and is not seen there yet.
    pub(crate) issued: Mutex<Option<Issued>>,
    caches: BTreeMap<Kind, Cache<ObjectKey, DynamicObject>>,
    health: RwLock<Health>,
}

impl Member {
    /// A member that was not asked yet.
    pub(crate) fn new(name: &str, region: &str, in_place: bool, id: Option<MemberId>) -> Self {
        let health = Health {
            reach: Reach::Unasked,
            since: Timestamp::now(),
            last_seen: None,
            version: None,
            blind: BTreeMap::new(),
            held: None,
        };
        Self {
            name: name.into(),
            id,
            region: region.into(),
            in_place,
            queue: Queue::default(),
            sweeps: Sweeps::default(),
            issued: Mutex::default(),
            caches: Kind::ALL.map(|kind| (kind, Cache::default())).into(),
            health: RwLock::new(health),
        }
    }

    /// What is seen of a kind.
    pub(crate) fn cache(&self, kind: Kind) -> &Cache<ObjectKey, DynamicObject> {
        &self.caches[&kind]
    }

    /// What is known of its health.
    pub(crate) fn health(&self) -> Health {
        self.health.read().clone()
    }

    /// Changes what is known of its health; tells whether something that people see changed.
    pub(crate) fn update_health(&self, edit: impl FnOnce(&mut Health)) -> bool {
        let mut health = self.health.write();
        let before = health.clone();
        edit(&mut health);
        let changed = health.reach != before.reach;
        if changed {
            health.since = Timestamp::now();
        }
        changed
            || health.version != before.version
            || health.blind != before.blind
            || health.held != before.held
    }

    /// Whether its API server answers.
    pub(crate) fn answers(&self) -> bool {
        self.health.read().reach == Reach::Answers
    }

    /// Since when it does not answer, if it does not.
    pub(crate) fn unreachable_since(&self) -> Option<Timestamp> {
        let health = self.health.read();
        (!matches!(health.reach, Reach::Answers | Reach::Unasked)).then_some(health.since)
    }

    /// Whether it was only just met and is still being listed: what is not seen yet says nothing, and a status
    /// that a predecessor wrote shall not flicker when a successor begins.
    pub(crate) fn is_settling(&self) -> bool {
        let health = self.health();
        let listing = match health.reach {
            Reach::Unasked => true,
            Reach::Answers => !self.synced() && health.blind.is_empty(),
            Reach::Silent(_) | Reach::Invalid(..) => false,
        };
        listing && Timestamp::now().duration_since(health.since) < SETTLING
    }

    /// Whether everything that it shall hold was seen in full.
    pub(crate) fn synced(&self) -> bool {
        Kind::ALL
            .iter()
            .filter(|kind| kind.is_copied_to(self.in_place))
            .all(|kind| self.cache(*kind).synced())
    }

    /// Whether it is known to have nothing of this hub's under this key.
    pub(crate) fn has_lost(&self, key: &ObjectKey, hub_uid: &str) -> bool {
        let Some(kind) = Kind::of(key) else { return true };
        let cache = self.cache(kind);
        let ours =
            |object: Arc<DynamicObject>| copy::owner(object.labels()).is_some_and(|o| o.hub == hub_uid);
        self.answers() && cache.synced() && !cache.get(key).is_some_and(ours)
    }

    /// Whether a copy there names this priority.
    pub(crate) fn uses_priority(&self, priority: &str) -> bool {
        let copies = self.cache(Kind::Ingress).values();
        copies.iter().any(|copy| copy.annotations().get(PRIORITY).is_some_and(|name| name == priority))
    }
}

/// The members of the federation, with what runs for them.
#[derive(Debug, Default)]
pub(crate) struct Members {
    running: RwLock<BTreeMap<String, Running>>,
    /// What runs for members; waited for at the end of a term.
    pub(crate) tasks: TaskTracker,
}

#[derive(Debug)]
struct Running {
    member: Arc<Member>,
    /// What its connection was made of.
    connection: String,
    cancel: CancellationToken,
}

impl Members {
    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Member>> {
        self.running.read().values().map(|running| running.member.clone()).collect()
    }

    /// One of them.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Member>> {
        self.running.read().get(name).map(|running| running.member.clone())
    }

    /// What a member's connection was made of.
    pub(crate) fn connection(&self, name: &str) -> Option<String> {
        self.running.read().get(name).map(|running| running.connection.clone())
    }

    /// A member joins, with what ends that which runs for it.
    pub(crate) fn join(&self, member: Arc<Member>, connection: String, cancel: CancellationToken) {
        self.running.write().insert(member.name.clone(), Running { member, connection, cancel });
    }

    /// A member leaves, and what runs for it ends.
    pub(crate) fn leave(&self, name: &str) {
        if let Some(running) = self.running.write().remove(name) {
            running.cancel.cancel();
        }
    }

    /// Asks every member to look at a key.
    pub(crate) fn ask_all(&self, key: &ObjectKey) {
        for running in self.running.read().values() {
            running.member.queue.add(key.clone());
        }
    }

    /// Ends what runs for all members.
    pub(crate) fn stop(&self) {
        for running in self.running.read().values() {
            running.cancel.cancel();
        }
    }
}
