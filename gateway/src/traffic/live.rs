//! One priority at run time: its evidence, its decider, and what was decided last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use spillway_decide::assessment::Assessment;
use spillway_decide::grants::{self, Bucket};
use spillway_decide::reach::{Company, Watch};
use spillway_decide::routes::Route;
use spillway_decide::votes::Vote;
use spillway_decide::{Census, Change, Decider, Decision, Heard, Input, Peer, Priority, Time, Witnesses};

use super::admission::{Admission, BELIEVED};
use super::backends::ROUTES_A_SECOND;
use super::ledger::Ledger;
use super::routes::Routes;
use crate::config::Identity;

pub(super) struct Live {
    pub(super) ledger: Mutex<Ledger>,
    pub(super) routes: Routes,
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
    witnesses: Witnesses,
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
        let thinking = Thinking {
            decider: Decider::new(now),
            watches: BTreeMap::new(),
            witnesses: Witnesses::default(),
        };
        Self {
            ledger: Mutex::new(Ledger::new(now, &priority.health)),
            routes: Routes::new(&priority.health),
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

    /// How the witnesses answered last.
    pub(super) fn witnessed(&self, witnesses: Witnesses) {
        self.thinking.lock().witnesses = witnesses;
    }

    /// Decides, publishes, and says what is different.
    pub(super) fn step(&self, priority: &Priority, around: &Surroundings<'_>) -> Vec<Change> {
        let (own, routes) = self.assess(around.now);
        let mut thinking = self.thinking.lock();
        let votes = thinking.votes(around.now, priority);
        let witnesses = thinking.witnesses;
        let mut decision = thinking.decider.step(&Input {
            now: around.now,
            region: &around.identity.region,
            priority,
            peers: around.peers,
            own: &own,
            routes: &routes,
            votes: &votes,
            witnesses,
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

    /// What the windows say, of all requests and route by route. What a few routes explain is not the region's.
    fn assess(&self, now: Time) -> (Assessment, Arc<Census>) {
        self.ledger.lock().tell_overdue(now);
        let routes = match self.decided.load().as_ref() {
            Some(decided) => self.routes.census(now, &decided.watched),
            None => self.routes.census(now, &BTreeSet::new()),
        };
        (self.ledger.lock().assess(now, &routes), routes)
    }

    /// Routes whose own probes are evidence now: the exceptions, here or elsewhere. They take turns.
    pub(super) fn watched<'a>(&self, routes: &[&'a Route], round: usize) -> Vec<&'a Route> {
        let Some(decision) = self.decision().filter(|decision| !decision.watched.is_empty()) else {
            return Vec::new();
        };
        let of_ours = routes.iter().filter(|route| decision.watched.contains(&route.id));
        let watched: Vec<&Route> = of_ours.copied().collect();
        let skip = (round * ROUTES_A_SECOND).checked_rem(watched.len()).unwrap_or(0);
        watched.iter().cycle().skip(skip).take(watched.len().min(ROUTES_A_SECOND)).copied().collect()
    }

    /// What was decided last; none before the first step.
    pub(super) fn decision(&self) -> Option<Arc<Decision>> {
        self.decided.load_full()
    }

    /// The other region that is to serve this client; none when it is ours to serve.
    pub(super) fn wanted(&self, me: &str, route: &str, client: IpAddr) -> Option<String> {
        let decided = self.decided.load();
        let decided = decided.as_ref()?;
        let shares = decided.routes.get(route).unwrap_or(&decided.shares);
        shares.region_of(client).filter(|region| *region != me).map(ToOwned::to_owned)
    }

    /// Takes one request off a region's grant, if there is one left.
    pub(super) fn charge(&self, now: Time, region: &str) -> bool {
        self.buckets.lock().get_mut(region).is_some_and(|bucket| bucket.take(now))
    }

    /// Takes one request off what we granted a region, if there is something left.
    pub(super) fn admit(&self, now: Time, route: &str, origin: &str) -> bool {
        let decided = self.decided.load();
        let aware = decided.as_ref().filter(|decided| !decided.unaware.contains(origin));
        let shed = aware.and_then(|decided| decided.shed.get(route));
        if shed.is_some_and(|since| now.since(*since) > BELIEVED) {
            return false;
        }
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
            Company::Alone { witness: self.witnesses.any() }
        };
        let mut votes = BTreeMap::new();
        for (region, watches) in &mut self.watches {
            let of_members = watches.values_mut().map(|watch| watch.vote(now, &priority.health, company));
            if let Some(best) = of_members.max_by_key(|vote| (vote.opinion, !vote.unanswered)) {
                votes.insert(region.clone(), best);
            }
        }
        votes
    }
}
