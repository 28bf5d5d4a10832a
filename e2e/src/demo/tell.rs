//! Telling the story: the only part of the demo that touches the world.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::networking::v1::Ingress;
use spillway_decide::Verdict;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    frame::Frame,
    keep,
    milestones::Milestones,
    narrator::Narrator,
    picture,
    screen::Screen,
    script::{self, Step},
    summary::Summary,
    terms::Terms,
    verdict,
    watch::Watch,
};
use crate::{
    backend::{Behaviour, REDIRECT},
    load::{Load, LoadOptions, Records, dns},
    story,
    world::{HUB, Options, World, wait_until},
};

/// The regions, first choice first, as in the example's annotation.
const REGIONS: [&str; 3] = ["shenzhen", "chengdu", "beijing"];

/// The Service of the example, and the name of the demo backends behind it.
const SERVICE: &str = "api-gateway";

/// Slow, but answering: over the bound of 1500 ms.
const SLOW_MILLISECONDS: u64 = 2000;

const CLIENTS: usize = 60;
const REQUESTS_PER_SECOND: f64 = 100.0;

/// Every so many requests of a client one asks for a redirect.
const REDIRECT_EVERY: u64 = 10;

/// How often the world is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How long the example may take to reach every gateway; it takes about a second.
const FEDERATED: Duration = Duration::from_mins(1);

/// What came of a telling.
#[derive(Debug)]
pub struct Told {
    /// Whether the story came true.
    pub came_true: bool,
}

/// Everything that was seen.
struct Log {
    terms: Terms,
    frames: Vec<Frame>,
    milestones: Milestones,
}

/// Raises a world, tells the story, writes summary and picture, and takes the world down, unless it is to be kept.
pub async fn tell(keep: bool) -> Result<Told> {
    let mut screen = Screen::new();
    screen.say("Raising a world: a hub, three regions, a controller, three gateways...");
    let options = Options { name: "demo".to_owned(), ..Options::members(&REGIONS) };
    let world = Arc::new(World::raise(options).await?);
    let told = play(&world, &mut screen).await;
    if told.is_err() {
        screen.say(&format!("The logs are kept in {}", world.keep_logs()?.display()));
    }
    let (told, guide) = told?;
    let world = Arc::into_inner(world).context("somebody still looks at the world")?;
    if !told.came_true {
        screen.say(&format!("The logs are kept in {}", world.keep_logs()?.display()));
    }
    if keep {
        screen.say(&guide);
        world.detach()?;
    } else {
        world.down().await?;
    }
    Ok(told)
}

async fn play(world: &Arc<World>, screen: &mut Screen) -> Result<(Told, String)> {
    let terms = Terms::of(world.regions());
    let host = federate(world).await?;
    screen.say(&format!(
        "World {} stands. {host} is federated; waiting until every gateway serves it...",
        world.number()
    ));
    wait_until(FEDERATED, "every gateway to serve the example", || served(world, &host, &terms)).await?;
    screen.say(&format!("{CLIENTS} clients send {REQUESTS_PER_SECOND} requests a second through DNS."));

    let watch = Watch::begin(world, &host)?;
    let load = Load::start(traffic(world, &host)?);
    let mut log = Log { terms, frames: Vec::new(), milestones: Milestones::default() };
    let followed = follow(world, &watch, &load, &mut log, screen).await;
    watch.end().await;
    let records = load.stop().await;
    followed?;
    let told = conclude(&log, &records, screen)?;
    Ok((told, keep::guide(world, &host, &log.terms)?))
}

/// Applies the example to the hub, as it stands, and returns its host.
async fn federate(world: &World) -> Result<String> {
    let path = repository().join("examples/gov-portal.yaml");
    let yaml = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let ingress: Ingress = serde_saphyr::from_str(&yaml)?;
    let rules = ingress.spec.and_then(|spec| spec.rules).unwrap_or_default();
    let host = rules.into_iter().find_map(|rule| rule.host).context("the example has no host")?;
    world.apply(HUB, &yaml).await?;
    Ok(host)
}

/// Whether the story can begin: every front door serves, every DNS server and every gateway prefers the first region.
async fn served(world: &World, host: &str, terms: &Terms) -> Result<()> {
    let home = world.front_door(&terms.region)?;
    for region in world.regions() {
        let visit = story::visit(world, region, host, "/api/").await?;
        ensure!(visit.status == 200, "{region}'s front door answers {}: {}", visit.status, visit.body);
        let server = SocketAddr::from((world.front_door(region)?, world.ports().dns));
        let answer = dns::ask(world.client_address(250), server, host, Duration::from_secs(1)).await?;
        ensure!(
            answer.addresses == [home] && answer.ttl_seconds == terms.priority.dns.ttl_seconds,
            "{region}'s DNS answers {answer:?}"
        );
        let state = world.gateway_state(region).await?;
        let view = state.priorities.values().next().context("no priority yet")?;
        let unwell = view.regions.iter().find(|(_, region)| region.verdict != Verdict::Healthy);
        ensure!(unwell.is_none(), "{region}'s gateway sees {unwell:?}");
    }
    Ok(())
}

/// Clients like real ones; some ask for a redirect whose `Location` is a name that only the cluster knows.
fn traffic(world: &World, host: &str) -> Result<LoadOptions> {
    let network = Ipv4Addr::new(127, world.number(), 200, 0);
    let inner = format!("http://{SERVICE}.default.svc.cluster.local:8080/api/next");
    let mut options = LoadOptions::new(host, world.ports().http)
        .clients(network, CLIENTS)
        .rate(REQUESTS_PER_SECOND)
        .redirects(REDIRECT_EVERY, "/api/redirect", &[(REDIRECT, &inner)]);
    for region in world.regions() {
        let door = world.front_door(region)?;
        options.dns_servers.push(SocketAddr::from((door, world.ports().dns)));
        options = options.front_door(door.into(), region);
    }
    Ok(options)
}

/// Looks, shows, and does what the script says, until it says that the story is over.
async fn follow(world: &World, watch: &Watch, load: &Load, log: &mut Log, screen: &mut Screen) -> Result<()> {
    let (mut ticks, mut narrator) = (interval(LOOK), Narrator::default());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let frame = watch.frame(load);
        log.milestones.read(&frame, &log.terms);
        let new = narrator.read(&frame, &log.terms);
        let chapter = script::chapter(&log.milestones, &log.terms);
        screen.show(&frame, &chapter, log.milestones.onset, new, &log.terms);
        let now = frame.at;
        log.frames.push(frame);
        let step = script::next(now, &log.milestones, &log.terms);
        if step == Step::Finish {
            return Ok(());
        }
        act(step, world, load, log).await?;
    }
}

/// Breaks the region, or mends it, and notes when.
async fn act(step: Step, world: &World, load: &Load, log: &mut Log) -> Result<()> {
    let (now, region) = (load.started().elapsed().as_secs_f64(), &log.terms.region);
    match step {
        Step::BeginFault => {
            world
                .change_backend(region, SERVICE, |backend| backend.latency = SLOW_MILLISECONDS.into())
                .await?;
            log.milestones.onset = Some(now);
        }
        Step::EndFault => {
            world.change_backend(region, SERVICE, |backend| *backend = Behaviour::default()).await?;
            log.milestones.healed = Some(now);
        }
        Step::Wait | Step::Finish => {}
    }
    Ok(())
}

/// Judges, and leaves summary and picture in `target/demo`.
fn conclude(log: &Log, records: &Records, screen: &mut Screen) -> Result<Told> {
    let failures = verdict::judge(&log.terms, &log.milestones, &records.totals);
    let summary = Summary::of(&log.milestones, &records.totals, &failures);
    let dir = repository().join("target/demo");
    std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    std::fs::write(dir.join("summary.json"), serde_json::to_vec_pretty(&summary)?)?;
    if let Some(svg) =
        picture::draw(&log.frames, &records.intervals(picture::EVERY), &log.milestones, &log.terms)?
    {
        std::fs::write(dir.join("failover.svg"), svg)?;
    }
    screen.say("");
    for line in summary.lines() {
        screen.say(&line);
    }
    if records.failures().next().is_some() {
        screen.say(&records.complaints());
    }
    screen.say("Summary and picture: target/demo/summary.json, target/demo/failover.svg");
    Ok(Told { came_true: summary.came_true })
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
