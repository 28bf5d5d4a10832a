//! A federation in virtual time: one gateway a region, with scripted faults, and the real decisions.
//!
//! Every region gets the same steady arrivals. A request goes where its gateway's shares send it, is served
//! there as the script says, and becomes evidence of the region that serves it. Probes and reports pass each
//! second over links that the script may cut, in one direction or both.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use spillway_decide::commands::{Book, Order, Verb};
use spillway_decide::evidence::Evidence;
use spillway_decide::reach::{Company, Watch};
use spillway_decide::{
    Answer, Census, Decider, Decision, Door, Heard, Input, Peer, Priority, PriorityRegion, Time, Verdict,
    Witnesses,
};

/// How a region serves at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Service {
    Well,
    /// So many percent of requests take two seconds.
    Slow(u64),
    /// So many percent of requests fail.
    Failing(u64),
    /// The gateway is dead.
    Dead,
}

type Served = dyn Fn(&str, f64) -> Service;
type Linked = dyn Fn(&str, &str, f64) -> bool;

/// What goes wrong when; times are seconds of the run.
pub(crate) struct Script {
    pub(crate) service: Box<Served>,
    /// Whether `from` reaches `to`.
    pub(crate) link: Box<Linked>,
}

impl Script {
    pub(crate) fn service(service: impl Fn(&str, f64) -> Service + 'static) -> Self {
        Self { service: Box::new(service), link: Box::new(|_, _, _| true) }
    }
}

/// One line of what happened: when, in whose eyes, what.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: f64,
    pub(crate) gateway: String,
    pub(crate) what: String,
}

struct Gateway {
    region: String,
    evidence: Evidence,
    decider: Decider,
    watches: BTreeMap<String, Watch>,
    heard: BTreeMap<String, Heard>,
    decision: Option<Decision>,
    pending: VecDeque<(u64, Ending)>,
}

/// How a request that is in flight will show in the evidence.
enum Ending {
    Done { latency: u64, failed: bool },
    Overdue,
    Late { latency: u64 },
}

pub(crate) struct Federation {
    priority: Priority,
    peers: Vec<Peer>,
    gateways: Vec<Gateway>,
    script: Script,
    /// What people commanded; all gateways hear of it at once.
    book: Book,
    now: u64,
    pub(crate) events: Vec<Event>,
    /// Requests a second at each region's front door.
    rate: u64,
}

/// The run begins at this time of the epoch.
const EPOCH: u64 = 1_790_000_000_000;
const TICK: u64 = 100;

impl Federation {
    /// The priority gets these regions; intents are those that it has for them.
    pub(crate) fn new(regions: &[&str], priority: Priority, script: Script) -> Self {
        let regions = regions.iter().map(|name| (*name).to_owned());
        let entry = |name: String| PriorityRegion { intent: priority.intent(&name), name };
        let entries = regions.clone().map(entry).collect();
        let priority = Priority { regions: entries, ..priority };
        let peer = |(n, region): (u8, String)| Peer {
            member: region.clone(),
            region,
            front_door: Door { addresses: vec![[127, 1, n, 1].into()], port: 80 },
            ..Peer::default()
        };
        let gateways = regions.clone().map(|region| Gateway::new(region, Time(EPOCH), &priority)).collect();
        let peers = (1..).zip(regions).map(peer).collect();
        Self {
            priority,
            peers,
            gateways,
            script,
            book: Book::default(),
            now: 0,
            events: Vec::new(),
            rate: 200,
        }
    }

    /// Runs until `second`.
    pub(crate) fn run_until(&mut self, second: u64) -> &mut Self {
        while self.now < second * 1000 {
            self.now += TICK;
            self.serve();
            if self.now.is_multiple_of(1000) {
                self.probe();
            }
            let changed = self.decide();
            if self.now % 1000 == 500 || changed {
                self.exchange();
            }
        }
        self
    }

    /// Alice says something.
    pub(crate) fn order(&mut self, command: Verb, region: &str, for_seconds: Option<u64>) {
        let (region, reason) = (region.to_owned(), "a test".to_owned());
        let order = Order { command, region, priority: None, for_seconds, fault: None, reason };
        let priorities = [("p".to_owned(), self.priority.clone())].into();
        let taken = self.book.order(Time(EPOCH + self.now), ("alice", "m"), &order, &priorities);
        taken.expect("a good order");
    }

    fn seconds(&self) -> f64 {
        Duration::from_millis(self.now).as_secs_f64()
    }

    fn is_dead(&self, region: &str) -> bool {
        (self.script.service)(region, self.seconds()) == Service::Dead
    }

    /// A tick's arrivals at every front door that is alive.
    fn serve(&mut self) {
        for origin in 0..self.gateways.len() {
            if self.is_dead(&self.gateways[origin].region) {
                continue;
            }
            for nth in 0..self.rate * TICK / 1000 {
                let client = (self.now / TICK) * 7 + nth;
                let target = self.gateways[origin].target(client);
                let service = (self.script.service)(&target, self.seconds());
                let start = EPOCH + self.now - TICK + nth * 1000 / self.rate;
                if let Some(gateway) = self.gateways.iter_mut().find(|gateway| gateway.region == target) {
                    gateway.receive(start, service, client % 100);
                }
            }
        }
        let now = EPOCH + self.now;
        self.gateways.iter_mut().for_each(|gateway| gateway.settle(now));
    }

    fn probe(&mut self) {
        let (now, seconds) = (Time(EPOCH + self.now), self.seconds());
        for gateway in &mut self.gateways {
            let own = (self.script.service)(&gateway.region, seconds);
            gateway.evidence.probe(now, own == Service::Well);
            for (other, watch) in &mut gateway.watches {
                let up = (self.script.link)(&gateway.region, other, seconds)
                    && (self.script.service)(other, seconds) != Service::Dead;
                watch.probe(now, up);
            }
        }
    }

    /// Reports go both ways in one exchange, whoever of the two can ask.
    fn exchange(&mut self) {
        let seconds = self.seconds();
        let reports: Vec<(String, Heard)> = self
            .gateways
            .iter()
            .filter(|gateway| !self.is_dead(&gateway.region))
            .filter_map(|gateway| {
                let report = Arc::new(gateway.decision.as_ref()?.report.clone());
                let region = gateway.region.clone();
                Some((region.clone(), Heard { at: Time(EPOCH + self.now), region, report }))
            })
            .collect();
        for gateway in &mut self.gateways {
            for (from, heard) in &reports {
                if *from != gateway.region
                    && ((self.script.link)(from, &gateway.region, seconds)
                        || (self.script.link)(&gateway.region, from, seconds))
                {
                    gateway.heard.insert(from.clone(), heard.clone());
                }
            }
        }
    }

    fn decide(&mut self) -> bool {
        let (now, seconds) = (Time(EPOCH + self.now), self.seconds());
        let mut changed = false;
        let governed = self.book.govern("p", &self.priority, now);
        let alive: Vec<bool> = self.gateways.iter().map(|gateway| !self.is_dead(&gateway.region)).collect();
        for (gateway, alive) in self.gateways.iter_mut().zip(alive) {
            if !alive {
                *gateway = Gateway::new(gateway.region.clone(), now, &self.priority);
                continue;
            }
            for change in gateway.decide(now, &governed, &self.peers) {
                changed = true;
                self.events.push(Event { at: seconds, gateway: gateway.region.clone(), what: change });
            }
        }
        changed
    }

    fn gateway(&self, region: &str) -> &Gateway {
        self.gateways.iter().find(|gateway| gateway.region == region).expect("a region of the federation")
    }

    fn decision(&self, region: &str) -> &Decision {
        self.gateway(region).decision.as_ref().expect("the gateway is alive")
    }

    /// What `gateway` thinks of `region`.
    pub(crate) fn verdict(&self, gateway: &str, region: &str) -> Verdict {
        self.decision(gateway).report.view.regions[region].verdict
    }

    /// What `region` says of itself.
    pub(crate) fn reason(&self, region: &str) -> &str {
        &self.decision(region).report.view.regions[region].reason
    }

    /// Percent of `gateway`'s arrivals that `region` serves.
    pub(crate) fn share(&self, gateway: &str, region: &str) -> u32 {
        self.decision(gateway).shares.percent(region)
    }

    pub(crate) fn answer(&self, gateway: &str) -> &Answer {
        self.decision(gateway).answer.as_ref().expect("never empty")
    }

    /// Where each living gateway's DNS sends people.
    pub(crate) fn answers(&self) -> Vec<&str> {
        let decisions = self.gateways.iter().filter_map(|gateway| gateway.decision.as_ref());
        decisions
            .filter_map(|decision| decision.answer.as_ref())
            .map(|answer| answer.region.as_str())
            .collect()
    }

    /// When `gateway` first reported something with these words, from `from` on.
    pub(crate) fn when(&self, gateway: &str, words: &str, from: f64) -> Option<f64> {
        let found = self
            .events
            .iter()
            .find(|event| event.gateway == gateway && event.at >= from && event.what.contains(words));
        found.map(|event| event.at)
    }

    /// The same, or the whole story of the run.
    pub(crate) fn expect(&self, gateway: &str, words: &str, from: f64) -> f64 {
        self.when(gateway, words, from)
            .unwrap_or_else(|| panic!("{gateway}: no {words:?} from {from} s on in\n{}", self.story()))
    }

    pub(crate) fn story(&self) -> String {
        let lines =
            self.events.iter().map(|event| format!("{:6.1} {:9} {}\n", event.at, event.gateway, event.what));
        lines.collect()
    }
}

impl Gateway {
    fn new(region: String, now: Time, priority: &Priority) -> Self {
        let others = priority.names().filter(|name| *name != region);
        Self {
            watches: others.map(|name| (name.to_owned(), Watch::new(now, &priority.health))).collect(),
            evidence: Evidence::new(now, &priority.health),
            decider: Decider::new(now),
            heard: BTreeMap::new(),
            decision: None,
            pending: VecDeque::new(),
            region,
        }
    }

    fn target(&self, client: u64) -> String {
        let address =
            IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | u32::try_from(client % 65_536).expect("16 bits")));
        let shares = self.decision.as_ref().map(|decision| &decision.shares);
        shares.and_then(|shares| shares.region_of(address)).unwrap_or(&self.region).to_owned()
    }

    fn receive(&mut self, start: u64, service: Service, dice: u64) {
        let ending = match service {
            Service::Slow(percent) if dice < percent => {
                self.pending.push_back((start + 1500, Ending::Overdue));
                (start + 2000, Ending::Late { latency: 2000 })
            }
            Service::Failing(percent) if dice < percent => {
                (start + 20, Ending::Done { latency: 20, failed: true })
            }
            Service::Dead => return,
            _ => (start + 20, Ending::Done { latency: 20, failed: false }),
        };
        self.pending.push_back(ending);
    }

    fn settle(&mut self, now: u64) {
        for _ in 0..self.pending.len() {
            let Some((at, ending)) = self.pending.pop_front() else { return };
            if at > now {
                self.pending.push_back((at, ending));
                continue;
            }
            match ending {
                Ending::Done { latency, failed } => {
                    self.evidence.request(Time(at), Duration::from_millis(latency), failed);
                }
                Ending::Overdue => self.evidence.overdue(Time(at)),
                Ending::Late { latency } => {
                    self.evidence.late(Time(at), Duration::from_millis(latency), false);
                }
            }
        }
    }

    fn decide(&mut self, now: Time, priority: &Priority, peers: &[Peer]) -> Vec<String> {
        let company =
            if priority.regions.len() > 2 { Company::Others } else { Company::Alone { witness: Some(true) } };
        let votes = self.watches.iter_mut();
        let votes = votes.map(|(region, watch)| (region.clone(), watch.vote(now, &priority.health, company)));
        let input = Input {
            now,
            region: &self.region,
            priority,
            peers,
            own: &self.evidence.assess(now),
            routes: &Census::default(),
            votes: &votes.collect(),
            witnesses: Witnesses::default(),
            heard: &self.heard.values().cloned().collect::<Vec<_>>(),
            ceiling: 10_000,
        };
        let decision = self.decider.step(&input);
        let changes = decision.changes.iter().map(ToString::to_string).collect();
        self.decision = Some(decision);
        changes
    }
}
