//! The handle over a config that a test wrote, without a network: steps are taken by hand.

use std::net::Ipv4Addr;

use spillway_decide::report::{PriorityReport, RouteReport, RouteReports};
use spillway_decide::{Door, Priority, PriorityRegion, Verdict};

use super::*;
use crate::config::{self, Config, ConfigSender};

const NAME: &str = "shenzhen-chengdu";
const ROUTE: &str = "shop/api:shop.example/";

fn peer(region: &str, last: u8) -> Peer {
    Peer {
        region: region.to_owned(),
        member: format!("{region}-1"),
        front_door: Door { addresses: vec![[127, 0, 0, last].into()], port: 80 },
        ..Peer::default()
    }
}

/// The gateway of `region` in a federation of two.
fn gateway(region: &str) -> (Traffic, ConfigSender) {
    let regions =
        ["shenzhen", "chengdu"].map(|name| PriorityRegion { name: name.into(), ..Default::default() });
    let priority = Priority { regions: regions.into(), ..Priority::default() };
    let (sender, receiver) = config::channel(Config {
        generation: 1,
        priorities: [(NAME.to_owned(), priority)].into(),
        peers: vec![peer("shenzhen", 1), peer("chengdu", 2)],
        ..Config::empty(region, &format!("{region}-1"))
    });
    let traffic = Traffic::new(receiver);
    traffic.apply(&sender.borrow());
    (traffic, sender)
}

fn step(traffic: &Traffic) {
    let config = traffic.inner.config.borrow().clone();
    traffic.step(&config, &mut BTreeMap::new());
}

fn caller(region: &str) -> CallerIdentity {
    CallerIdentity {
        federation: "fed".into(),
        region: Some(region.into()),
        member: Some(format!("{region}-1")),
        hub: false,
        operator: None,
    }
}

fn report(region: &str, grant: u32) -> Report {
    let about = PriorityReport {
        grants: [("chengdu".to_owned(), grant)].into(),
        home_percent: 100,
        ..Default::default()
    };
    Report {
        region: region.to_owned(),
        member: format!("{region}-1"),
        priorities: [(NAME.to_owned(), about)].into(),
        ..Report::default()
    }
}

fn client() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

#[test]
fn before_the_first_step_nothing_leaves_and_nothing_is_answered() {
    let (traffic, _config) = gateway("chengdu");
    assert_eq!(traffic.destination(NAME, ROUTE, client(), true), Destination::Local);
    assert_eq!(traffic.answer(NAME), None);
    assert_eq!(traffic.destination("another", ROUTE, client(), true), Destination::Local);
}

#[test]
fn a_standby_forwards_within_the_grant_and_the_policy() {
    let (traffic, _config) = gateway("chengdu");
    step(&traffic);
    assert_eq!(traffic.destination(NAME, ROUTE, client(), true), Destination::Local, "no grant yet");
    let _ = traffic.exchange(&caller("shenzhen"), report("shenzhen", 2));
    step(&traffic);
    let expected = Destination::Spill { region: "shenzhen".into(), peers: vec![peer("shenzhen", 1)] };
    assert_eq!(traffic.destination(NAME, ROUTE, client(), false), Destination::Local, "the route's policy");
    assert_eq!(traffic.destination(NAME, ROUTE, client(), true), expected);
    assert_eq!(traffic.destination(NAME, ROUTE, client(), true), Destination::Local, "the grant is spent");
    assert_eq!(traffic.state().counters["grantsExhausted"], 1);
    let answer = traffic.answer(NAME).unwrap();
    assert_eq!((answer.region.as_str(), answer.ttl_seconds), ("shenzhen", 30));
}

#[test]
fn a_report_counts_only_from_whom_it_names() {
    let (traffic, _config) = gateway("chengdu");
    let lie = report("shenzhen", 100);
    let hub =
        CallerIdentity { federation: "fed".into(), region: None, member: None, hub: true, operator: None };
    for caller in [caller("beijing"), caller("chengdu"), hub] {
        let ours = traffic.exchange(&caller, lie.clone());
        assert_eq!(ours.member, "chengdu-1", "everybody gets our own");
    }
    let _ = traffic.exchange(&caller("beijing"), report("beijing", 100));
    assert!(traffic.inner.inbox.lock().about(NAME).is_empty(), "no peer by that name");
    let _ = traffic.exchange(&caller("shenzhen"), lie);
    assert_eq!(traffic.inner.inbox.lock().about(NAME).len(), 1);
}

#[test]
fn what_a_peer_declares_is_seen_at_the_next_step() {
    let (traffic, _config) = gateway("chengdu");
    let mut ill = report("shenzhen", 0);
    let about = ill.priorities.get_mut(NAME).unwrap();
    (about.verdict, about.reason) = (Verdict::Degraded, "P95 2140 ms > 1500 ms for 30 s (410 req/s)".into());
    let _ = traffic.exchange(&caller("shenzhen"), ill);
    step(&traffic);
    let view = traffic.state().priorities[NAME].clone();
    assert_eq!(view.regions["shenzhen"].verdict, Verdict::Degraded);
    assert_eq!(view.shares["chengdu"], 100);
    assert_eq!(view.answer.unwrap().region, "chengdu");
    let mut registry = prometheus_client::registry::Registry::default();
    traffic.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        format!("verdict{{priority=\"{NAME}\",region=\"shenzhen\"}} 3"),
        format!("moved_routes{{priority=\"{NAME}\"}} 0"),
    ] {
        assert!(text.contains(&line), "no {line}: {text}");
    }
}

#[test]
fn only_requests_that_are_served_here_are_evidence() {
    let (traffic, _config) = gateway("shenzhen");
    traffic.begin(NAME, ROUTE, &Arrival::Local).finish(true);
    traffic.begin(NAME, ROUTE, &Arrival::Spilled { origin: "chengdu".into() }).finish(false);
    drop(traffic.begin(NAME, ROUTE, &Arrival::Local));
    traffic.begin("another", ROUTE, &Arrival::Local).finish(true);
    step(&traffic);
    let sli = traffic.state().priorities[NAME].regions["shenzhen"].sli.clone().unwrap();
    assert_eq!(sli.requests, 2);
    assert!((sli.error_percent - 50.0).abs() < 1e-9, "{sli:?}");
}

/// chengdu's peer sheds one route: that one is served at home, the others are forwarded.
#[test]
fn what_the_active_region_sheds_is_not_forwarded() {
    let (traffic, _config) = gateway("chengdu");
    let mut told = report("shenzhen", 100);
    let bad = RouteReport { verdict: Verdict::Degraded, ..RouteReport::default() };
    let routes = RouteReports { exceptions: [(ROUTE.to_owned(), bad)].into(), elided: false };
    told.priorities.get_mut(NAME).unwrap().routes = Some(routes);
    let _ = traffic.exchange(&caller("shenzhen"), told);
    step(&traffic);
    assert_eq!(traffic.destination(NAME, ROUTE, client(), true), Destination::Local);
    let other = traffic.destination(NAME, "another", client(), true);
    assert!(matches!(other, Destination::Spill { .. }), "{other:?}");
}

#[test]
fn a_priority_that_is_gone_is_forgotten() {
    let (traffic, config) = gateway("shenzhen");
    step(&traffic);
    assert!(traffic.answer(NAME).is_some());
    config.send_modify(|config| Arc::make_mut(config).priorities.clear());
    traffic.apply(&config.borrow());
    assert_eq!(traffic.answer(NAME), None);
    assert!(traffic.report().priorities.is_empty());
}
