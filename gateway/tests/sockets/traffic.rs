//! The traffic loop over real sockets: three gateways, each with its own backend, and what they agree on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use spillway_decide::report::{PriorityReport, PriorityView};
use spillway_decide::votes::Opinion;
use spillway_decide::{Health, Priority, PriorityRegion, Recovery, Verdict};
use tokio::task::JoinSet;

use crate::spill::{peer, trusted};
use crate::support::backend::refusing;
use crate::support::client::{get, http1};
use crate::support::{Authority, Backend, PRIORITY, World, change, eventually, one_route};

pub(crate) const REGIONS: [&str; 3] = ["first", "second", "third"];

/// Seconds instead of half minutes.
fn priority() -> Priority {
    Priority {
        regions: REGIONS.map(|name| PriorityRegion { name: name.into(), ..PriorityRegion::default() }).into(),
        health: Health {
            hold_seconds: 3,
            unreachable_hold_seconds: 1,
            // In a shorter one lost probes alone do not hold (docs/limits.md).
            window_seconds: 3,
            min_requests: 10,
            max_latency_p95_milliseconds: 500,
            ..Health::default()
        },
        recovery: Recovery {
            hold_seconds: 2,
            step_seconds: 1,
            steps_percent: vec![50, 100],
            ..Recovery::default()
        },
        ..Priority::default()
    }
}

pub(crate) struct Federation {
    pub(crate) worlds: HashMap<&'static str, World>,
    pub(crate) authority: Authority,
}

impl Federation {
    pub(crate) async fn start() -> Self {
        let authority = Authority::new();
        let mut worlds = HashMap::new();
        for region in REGIONS {
            let backend = Backend::start(region).await;
            let config = trusted(one_route(region, &[backend.address]), &authority);
            worlds.insert(region, World::start(config).await);
        }
        let peers: Vec<_> = REGIONS
            .iter()
            .map(|region| peer(region, worlds[region].http(), worlds[region].spill()))
            .collect();
        for world in worlds.values() {
            change(&world.config, |config| {
                config.peers.clone_from(&peers);
                config.priorities = [(PRIORITY.to_owned(), priority())].into();
            });
        }
        let federation = Self { worlds, authority };
        for region in REGIONS {
            federation
                .until(region, "to forward to the first", |view| view.shares.get("first") == Some(&100))
                .await;
        }
        for region in REGIONS {
            federation.has_an_opinion(region).await;
        }
        federation
    }

    fn http(&self, region: &str) -> SocketAddr {
        self.worlds[region].http()
    }

    /// Waits until a gateway has watched everything for a whole window.
    async fn has_an_opinion(&self, gateway: &str) {
        let traffic = self.worlds[gateway].gateway.traffic();
        let report = || async { traffic.report().priorities.remove(PRIORITY).unwrap_or_default() };
        let founded = |report: &PriorityReport| {
            let good = report.votes.values().filter(|vote| vote.opinion == Opinion::Good).count();
            report.reason == "within bounds" && good == REGIONS.len() - 1
        };
        eventually(&format!("{gateway} to have an opinion"), Duration::from_secs(20), report, founded).await;
    }

    /// Gives a region's route another endpoint; returns the one it had.
    fn serve_from(&self, region: &str, endpoint: SocketAddr) -> SocketAddr {
        let mut before = endpoint;
        change(&self.worlds[region].config, |config| {
            let ready = &mut config.backends.values_mut().next().unwrap().ready;
            before = std::mem::replace(ready, vec![endpoint])[0];
        });
        before
    }

    pub(crate) async fn until(
        &self,
        gateway: &str,
        what: &str,
        right: impl Fn(&PriorityView) -> bool,
    ) -> PriorityView {
        let traffic = self.worlds[gateway].gateway.traffic();
        let view = || async { traffic.state().priorities.get(PRIORITY).cloned().unwrap_or_default() };
        eventually(&format!("{gateway} {what}"), Duration::from_secs(20), view, right).await
    }
}

/// Steady clients of one front door, until they are aborted.
pub(crate) fn clients(address: SocketAddr) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        clients.spawn(async move {
            loop {
                http1(address, get("/api/x")).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    clients
}

pub(crate) fn answered(view: &PriorityView) -> (&str, u32) {
    view.answer.as_ref().map_or(("", 0), |answer| (&answer.region, answer.ttl_seconds))
}

#[tokio::test]
async fn errors_move_arrivals_and_answers_and_both_come_home() {
    let federation = Federation::start().await;
    let clients = clients(federation.http("first"));
    let enough =
        |view: &PriorityView| view.regions["first"].sli.as_ref().is_some_and(|sli| sli.requests > 100);
    federation.until("first", "to see its clients", enough).await;

    let well = federation.serve_from("first", refusing());
    let onset = Instant::now();
    federation.until("second", "to lower its TTL", |view| answered(view) == ("first", 5)).await;
    let degraded = |view: &PriorityView| view.regions["first"].verdict == Verdict::Degraded;
    let view = federation.until("first", "to be Degraded", degraded).await;
    assert!(onset.elapsed() >= Duration::from_secs(3), "after {:?}: {view:?}", onset.elapsed());
    assert!(view.regions["first"].reason.starts_with("errors "), "{}", view.regions["first"].reason);
    federation.until("first", "to spill all", |view| view.shares.get("second") == Some(&100)).await;
    federation.until("third", "to answer the second", |view| answered(view) == ("second", 5)).await;

    federation.serve_from("first", well);
    federation
        .until("second", "to see it recover", |view| view.regions["first"].verdict == Verdict::Recovering)
        .await;
    for region in REGIONS {
        federation.until(region, "to answer the first again", |view| answered(view) == ("first", 30)).await;
    }
    drop(clients);
}

#[tokio::test]
async fn a_dead_gateway_is_given_up_by_the_others() {
    let mut federation = Federation::start().await;
    let died = Instant::now();
    federation.worlds.remove("first").unwrap().gateway.stop().await;
    for region in ["second", "third"] {
        let view =
            federation.until(region, "to answer the second", |view| answered(view) == ("second", 5)).await;
        assert_eq!(view.regions["first"].votes_bad, 2, "{view:?}");
        assert_eq!(view.shares["second"], 100);
    }
    assert!(died.elapsed() < Duration::from_secs(4), "took {:?}", died.elapsed());
}

#[tokio::test]
async fn a_peer_that_hangs_delays_nobody() {
    let federation = Federation::start().await;
    let hanging = std::net::TcpListener::bind(crate::support::loopback()).unwrap();
    let address = hanging.local_addr().unwrap();
    for world in federation.worlds.values() {
        change(&world.config, |config| {
            let peer = config.peers.iter_mut().find(|peer| peer.region == "third").unwrap();
            (peer.front_door.port, peer.spill.port) = (address.port(), address.port());
        });
    }
    federation
        .until("second", "to suspect the third", |view| view.regions["third"].verdict != Verdict::Healthy)
        .await;
    let traffic = federation.worlds["first"].gateway.traffic();
    let exchanges = || traffic.state().counters["exchanges"];
    let (before, began) = (exchanges(), Instant::now());
    eventually(
        "five more exchanges with the second",
        Duration::from_secs(10),
        || async { exchanges() },
        |now| *now >= before + 5,
    )
    .await;
    assert!(began.elapsed() < Duration::from_secs(7), "took {:?}", began.elapsed());
}
