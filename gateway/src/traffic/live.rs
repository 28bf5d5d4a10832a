//! One priority at run time: its evidence, its decider, and what was decided last.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use spillway_decide::evidence::Assessment;
use spillway_decide::grants::{self, Bucket};
use spillway_decide::reach::{Company, Watch};
use spillway_decide::votes::Vote;
use spillway_decide::{Change, Decider, Decision, Heard, Input, Peer, Priority, Time};

use super::admission::Admission;
use super::ledger::Ledger;
use crate::config::Identity;

pub(super) struct Live {
    pub(super) ledger: Mutex<Ledger>,
    thinking: Mutex<Thinking>,
    decided: ArcSwapOption<Decision>,
    /// What others grant us.
    buckets: Mutex<HashMap<String, Bucket>>,
    /// What we granted others.
    admission: Mutex<Admission>,
}

/// The memory that only the loop and the probes touch.
struct Thinking {
    decider: Decider,
    /// Probes of the other members' front doors: region, then member.
    watches: BTreeMap<String, BTreeMap<String, Watch>>,
    /// Whether a witness answered last, where one is configured.
    witness: Option<bool>,
}

/// What a step needs besides the priority's own memory.
pub(super) struct Surroundings<'a> {
    pub(super) now: Time,
    pub(super) identity: &'a Identity,
    pub(super) peers: &'a [Peer],
    pub(super) heard: &'a [Heard],
    pub(super) ceiling: u32,
    /// What the backends can measurably take in by spill.
    pub(super) measured: Option<f64>,
}

impl Live {
    pub(super) fn new(now: Time, priority: &Priority) -> Self {
        let thinking = Thinking { decider: Decider::new(now), watches: BTreeMap::new(), witness: None };
        Self {
            ledger: Mutex::new(Ledger::new(now, &priority.health)),
            thinking: Mutex::new(thinking),
            decided: ArcSwapOption::empty(),
            buckets: Mutex::default(),
            admission: Mutex::new(Admission::new(now)),
        }
    }

    /// Takes a changed priority, and forgets the members that are gone.
    pub(super) fn reconfigure(&self, now: Time, priority: &Priority, peers: &[Peer]) {
        self.ledger.lock().evidence.reconfigure(now, &priority.health);
        let mut thinking = self.thinking.lock();
        let known = |region: &str, member: &str| {
            priority.contains(region)
                && peers.iter().any(|peer| peer.region == region && peer.member == member)
        };
        for (region, watches) in &mut thinking.watches {
            watches.retain(|member, _| known(region, member));
            for watch in watches.values_mut() {
                watch.reconfigure(now, &priority.health);
            }
        }
        thinking.watches.retain(|_, watches| !watches.is_empty());
    }

    /// A probe of another member's front door came back, or did not until `until`.
    pub(super) fn reached(&self, (sent, until): (Time, Time), peer: &Peer, priority: &Priority, ok: bool) {
        let mut thinking = self.thinking.lock();
        let watches = thinking.watches.entry(peer.region.clone()).or_default();
        let watch = watches.entry(peer.member.clone()).or_insert_with(|| Watch::new(sent, &priority.health));
        if ok { watch.probe(sent, true) } else { watch.unanswered(sent, until) }
    }

    /// Whether a witness answers; `None` when there is none.
    pub(super) fn witnessed(&self, witness: Option<bool>) {
        self.thinking.lock().witness = witness;
    }

    /// Decides, publishes, and says what is different.
    pub(super) fn step(&self, priority: &Priority, around: &Surroundings<'_>) -> Vec<Change> {
        let own: Assessment = self.ledger.lock().assess(around.now);
        let mut thinking = self.thinking.lock();
        let votes = thinking.votes(around.now, priority);
        let mut decision = thinking.decider.step(&Input {
            now: around.now,
            region: &around.identity.region,
            priority,
            peers: around.peers,
            own: &own,
            votes: &votes,
            heard: around.heard,
            ceiling: grants::ceiling(around.ceiling, own.local_rate, around.measured),
        });
        drop(thinking);
        self.fund(around.now, &decision.grants);
        self.admission.lock().promise(around.now, &decision.report.grants);
        let changes = std::mem::take(&mut decision.changes);
        self.decided.store(Some(Arc::new(decision)));
        changes
    }

    /// What was decided last; none before the first step.
    pub(super) fn decision(&self) -> Option<Arc<Decision>> {
        self.decided.load_full()
    }

    /// The other region that is to serve this client; none when it is ours to serve.
    pub(super) fn wanted(&self, me: &str, client: IpAddr) -> Option<String> {
        let decided = self.decided.load();
        decided.as_ref()?.shares.region_of(client).filter(|region| *region != me).map(ToOwned::to_owned)
    }

    /// Takes one request off a region's grant, if there is one left.
    pub(super) fn charge(&self, now: Time, region: &str) -> bool {
        self.buckets.lock().get_mut(region).is_some_and(|bucket| bucket.take(now))
    }

    /// Takes one request off what we granted a region, if there is something left.
    pub(super) fn admit(&self, now: Time, origin: &str) -> bool {
        self.admission.lock().admit(now, origin)
    }

    fn fund(&self, now: Time, grants: &BTreeMap<String, u32>) {
        let mut buckets = self.buckets.lock();
        buckets.retain(|region, _| grants.contains_key(region));
        for (region, rate) in grants {
            match buckets.get_mut(region) {
                Some(bucket) => bucket.set(now, *rate),
                None => buckets.entry(region.clone()).or_default().set(now, *rate),
            }
        }
    }
}

impl Thinking {
    /// Our region's votes: of a region with several members, the best is its door.
    fn votes(&mut self, now: Time, priority: &Priority) -> BTreeMap<String, Vote> {
        let company = if priority.regions.len() > 2 {
            Company::Others
        } else {
            Company::Alone { witness: self.witness }
        };
        let mut votes = BTreeMap::new();
        for (region, watches) in &mut self.watches {
            let of_members = watches.values_mut().map(|watch| watch.vote(now, &priority.health, company));
            if let Some(best) = of_members.max_by_key(|vote| vote.opinion) {
                votes.insert(region.clone(), best);
            }
        }
        votes
    }
}
