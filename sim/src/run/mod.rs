//! Playing a world: a plain loop over events in virtual time, one thread, one seed.

mod backend;
mod beat;
mod clients;
mod clock;
mod exchange;
mod gateway;
mod gist;
mod lie;
mod lives;
mod probes;
mod queue;
mod story;
mod traffic;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use spillway_decide::{Door, Peer};

pub use beat::{Beat, Offer, Path, Reply, Seen};
pub use clients::{Client, Finds};
pub use lie::Lie;
pub use story::{Line, Story};

use crate::invariants::{Invariant, Violation};
use crate::world::{Millis, Truth, World};
use clients::Cached;
use gateway::Gateway;
use queue::{Event, Queue};

/// The grain of arrivals and of looking.
const BEAT: Millis = 100;

/// A world goes on for so long after it has converged.
const CALM: Millis = 20_000;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The first broken invariant; the run ends there.
    pub violation: Option<Violation>,
    /// What happened, in order.
    pub story: Story,
    /// How often each invariant had something to judge.
    pub judged: Vec<(&'static str, u64)>,
    /// What became of the requests.
    pub tally: Tally,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests.
    pub requests: u64,
    /// Those that no region served.
    pub lost: u64,
    /// Those that were served by another region than they came to.
    pub spilled: u64,
    /// Steps of deciding.
    pub steps: u64,
    /// Milliseconds of virtual time.
    pub lasted: Millis,
    /// Milliseconds from the end of the last trouble until everything was as people want it.
    pub converged_after: Option<Millis>,
}

/// How a world is played.
#[derive(Clone, Copy, Debug, Default)]
pub struct Play {
    /// What gateways do wrong on purpose.
    pub lie: Option<Lie>,
    /// Whether the story is kept.
    pub tell: bool,
}

/// A world while it runs.
struct Run<'a> {
    world: &'a World,
    truth: Truth<'a>,
    lie: Option<Lie>,
    /// What gateways take for people's wish, by version.
    wishes: Vec<spillway_decide::Priority>,
    now: Millis,
    queue: Queue,
    names: Vec<String>,
    peers: Vec<Peer>,
    gateways: Vec<Option<Gateway>>,
    versions: Vec<usize>,
    lives: Vec<u32>,
    clients: Vec<Client>,
    by_zone: Vec<Vec<usize>>,
    /// Of each zone, the honest resolver and the stretching one.
    resolvers: Vec<[Cached; 2]>,
    backends: Vec<ChaCha8Rng>,
    network: ChaCha8Rng,
    people: ChaCha8Rng,
    asked: ChaCha8Rng,
    /// Parts of a request that are due in each zone.
    owed: Vec<f64>,
    /// Requests that each region served, by steps of the last second.
    served: Vec<[u32; 10]>,
    rates: Vec<f64>,
    requests: Vec<Path>,
    replies: Vec<Reply>,
    offers: Vec<Offer>,
    story: Story,
    tally: Tally,
}

/// Plays a world until its end, or until an invariant is broken.
#[must_use]
pub fn play(world: &World, play: Play, invariants: &mut [Box<dyn Invariant>]) -> Outcome {
    let mut run = Run::new(world, play);
    let end = world.end();
    let mut violation = None;
    while let Some((now, event)) = run.queue.pop().filter(|(now, _)| *now <= end) {
        run.now = now;
        if let Event::Beat = event {
            violation = run.beat(invariants);
            let converged = invariants.iter().find_map(|invariant| invariant.converged_after());
            let over = converged.is_some_and(|after| now >= world.quiet_from() + after + CALM);
            if violation.is_some() || over {
                break;
            }
        } else {
            run.handle(event);
        }
    }
    if let Some(violation) = &violation {
        run.story.add(run.now, "world", || format!("BROKEN {}: {}", violation.invariant, violation.message));
    }
    let judged = invariants.iter().map(|invariant| (invariant.name(), invariant.judged())).collect();
    run.tally.lasted = run.now;
    run.tally.converged_after = invariants.iter().find_map(|invariant| invariant.converged_after());
    Outcome { violation, story: run.story, judged, tally: run.tally }
}

impl<'a> Run<'a> {
    fn new(world: &'a World, play: Play) -> Self {
        let size = world.regions.len();
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(world.seed);
            rng.set_stream(number + 1);
            rng
        };
        let wish = |version| {
            let priority = world.priority(version);
            play.lie.and_then(|lie| lie.wish(priority)).unwrap_or_else(|| priority.clone())
        };
        let clients = clients::populate(world);
        let of_zone = |zone| (0..clients.len()).filter(|number| clients[*number].zone == zone).collect();
        let mut run = Self {
            world,
            truth: Truth::new(world),
            lie: play.lie,
            wishes: (0..=world.changes.len()).map(wish).collect(),
            now: 0,
            queue: Queue::default(),
            names: world.regions.iter().map(|region| region.name.clone()).collect(),
            peers: peers(world),
            gateways: (0..size).map(|_| None).collect(),
            versions: vec![0; size],
            lives: vec![0; size],
            by_zone: (0..size).map(of_zone).collect(),
            clients,
            resolvers: vec![[Cached::default(); 2]; size],
            backends: (0..size).map(|region| stream(10 + region as u64)).collect(),
            network: stream(0),
            people: stream(1),
            asked: stream(2),
            owed: vec![0.0; size],
            served: vec![[0; 10]; size],
            rates: vec![0.0; size],
            requests: Vec::new(),
            replies: Vec::new(),
            offers: Vec::new(),
            story: Story::new(play.tell),
            tally: Tally::default(),
        };
        run.plan();
        run
    }

    /// What is to happen whatever is decided.
    fn plan(&mut self) {
        for (number, region) in self.world.regions.iter().enumerate() {
            self.queue.put(region.starts, Event::Start(number));
            self.queue.put(BEAT, Event::Arrivals(number));
        }
        for fault in self.world.faults.iter().filter(|fault| fault.what == crate::world::What::Dead) {
            self.queue.put(fault.from, Event::Die(fault.region));
            self.queue.put(fault.until, Event::Start(fault.region));
        }
        self.queue.put(BEAT, Event::Beat);
        self.story.foretell(self.world);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Start(gateway) => self.start(gateway),
            Event::Die(gateway) => self.die(gateway),
            Event::Tick { gateway, life } => self.tick(gateway, life),
            Event::News { gateway, life } => self.news(gateway, life),
            Event::Backends { gateway, life } => self.probe_backends(gateway, life),
            Event::Probe { gateway, life, other, turn } => self.probe(gateway, life, other, turn),
            Event::Probed { gateway, life, other, sent, ok } => self.probed(gateway, life, other, sent, ok),
            Event::Talk { gateway, life, other, turn } => self.talk(gateway, life, other, turn),
            Event::Hear { gateway, life, other, report } => self.heard(gateway, life, other, report),
            Event::Talked { gateway, life, other, answer } => self.talked(gateway, life, other, answer),
            Event::Arrivals(zone) => self.arrivals(zone),
            Event::Beat => {}
        }
    }

    /// Lets the invariants look at the last 100 ms.
    fn beat(&mut self, invariants: &mut [Box<dyn Invariant>]) -> Option<Violation> {
        self.note_load();
        let gateways: Vec<Seen<'_>> = self
            .gateways
            .iter()
            .enumerate()
            .map(|(number, gateway)| Seen {
                since: gateway.as_ref().map(|gateway| gateway.since),
                decision: gateway.as_ref().and_then(|gateway| gateway.decision.as_ref()),
                report: gateway.as_ref().and_then(|gateway| gateway.report.as_deref()),
                priority: self.world.priority(self.versions[number]),
            })
            .collect();
        let beat = Beat {
            now: self.now,
            truth: &self.truth,
            gateways: &gateways,
            clients: &self.clients,
            requests: &self.requests,
            replies: &self.replies,
            offers: &self.offers,
            rates: &self.rates,
        };
        let violation = crate::invariants::check(invariants, &beat);
        self.requests.clear();
        self.replies.clear();
        self.offers.clear();
        self.queue.put(self.now + BEAT, Event::Beat);
        violation
    }

    fn note_load(&mut self) {
        let slot = usize::try_from(self.now / BEAT % 10).unwrap_or(0);
        for (region, served) in self.served.iter_mut().enumerate() {
            self.rates[region] = f64::from(served.iter().sum::<u32>());
            self.truth.note_load(region, self.now.saturating_sub(1000), self.now, self.rates[region]);
            served[(slot + 1) % 10] = 0;
        }
    }
}

/// What every gateway knows of the others.
fn peers(world: &World) -> Vec<Peer> {
    let peer = |(number, region): (usize, &crate::world::Region)| {
        let byte = u8::try_from(number + 1).unwrap_or(255);
        Peer {
            region: region.name.clone(),
            member: region.name.clone(),
            front_door: Door { addresses: vec![[198, 18, byte, 1].into()], port: 80 },
            max_requests_per_second: Some(region.capacity),
            ..Peer::default()
        }
    };
    world.regions.iter().enumerate().map(peer).collect()
}
