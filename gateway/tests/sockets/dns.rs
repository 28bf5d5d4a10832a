//! DNS over real sockets, asked by a resolver that knows nothing of us.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use region_gateway::config::Config;
use spillway_decide::{Door, Peer, Priority, PriorityRegion};

use crate::support::{HOST, PRIORITY, World, change, eventually, one_route};

/// The config of `first`, alone in its priority, with a front door to answer with.
fn answering() -> Config {
    let mut config = one_route("first", &[]);
    let regions = vec![PriorityRegion { name: "first".into(), ..PriorityRegion::default() }];
    let mut priority = Priority { regions, ..Priority::default() };
    priority.dns.zone = Some("gslb.example".into());
    config.priorities = [(PRIORITY.to_owned(), priority)].into();
    config.peers = vec![Peer {
        region: "first".into(),
        member: "first-1".into(),
        front_door: Door { addresses: vec!["192.0.2.1".parse().unwrap()], port: 80 },
        ..Peer::default()
    }];
    config
}

fn resolver(server: SocketAddr, tcp: bool) -> TokioResolver {
    let mut name_server =
        if tcp { NameServerConfig::tcp(server.ip()) } else { NameServerConfig::udp(server.ip()) };
    for connection in &mut name_server.connections {
        connection.port = server.port();
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
    let mut options = ResolverOpts::default();
    options.attempts = 1;
    options.cache_size = 0;
    options.timeout = Duration::from_secs(2);
    options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .unwrap()
}

/// Addresses and TTL, or the response code.
type Seen = Result<(Vec<IpAddr>, u32), ResponseCode>;

async fn ask(server: SocketAddr, tcp: bool, name: &str, record_type: RecordType) -> Seen {
    match resolver(server, tcp).lookup(format!("{name}."), record_type).await {
        Ok(lookup) => {
            let records = lookup.answers();
            let ttl = records.first().map_or(0, |record| record.ttl);
            Ok((records.iter().filter_map(|record| record.data.ip_addr()).collect(), ttl))
        }
        Err(error) => Err(code(&error)),
    }
}

fn code(error: &hickory_resolver::net::NetError) -> ResponseCode {
    use hickory_resolver::net::{DnsError, NetError};
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        other => panic!("no answer at all: {other}"),
    }
}

/// A config that comes late leaves the questions to the gateway that can answer them, and then the new one takes
/// them all over. Each question comes from a port of its own: the kernel deals by it.
#[tokio::test]
async fn a_successor_takes_questions_only_once_it_can_answer() {
    let old = World::sharing(answering()).await;
    let server = old.gateway.addresses().dns.unwrap();
    let from = |address: &str| -> Seen { Ok((vec![address.parse().unwrap()], 30)) };
    let now = || ask(server, false, HOST, RecordType::A);
    let _ = eventually("an answer", Duration::from_secs(5), now, |seen| *seen == from("192.0.2.1")).await;

    let new = old.beside(Config::empty("first", "first-1")).await;
    for tcp in [false, true] {
        for question in 0..20 {
            let seen = ask(server, tcp, HOST, RecordType::A).await;
            assert_eq!(seen, from("192.0.2.1"), "question {question}, by TCP: {tcp}");
        }
    }
    change(&new.config, |config| {
        *config = answering();
        config.peers[0].front_door.addresses = vec!["192.0.2.2".parse().unwrap()];
    });
    let _ =
        eventually("it answers, too", Duration::from_secs(5), now, |seen| *seen == from("192.0.2.2")).await;
    old.gateway.drain();
    for question in 0..20 {
        let seen = now().await;
        assert_eq!(seen, from("192.0.2.2"), "question {question} after the old one began to drain");
    }
    old.gateway.stop().await;
    assert_eq!(now().await, from("192.0.2.2"));
}

#[tokio::test]
async fn names_resolve_over_udp_and_tcp() {
    let world = World::start(answering()).await;
    let server = world.gateway.addresses().dns.unwrap();
    let expected: Seen = Ok((vec!["192.0.2.1".parse().unwrap()], 30));
    let _ = eventually(
        "the loop has an answer",
        Duration::from_secs(5),
        || ask(server, false, HOST, RecordType::A),
        |seen| *seen == expected,
    )
    .await;
    for tcp in [false, true] {
        for (name, record_type, expected) in [
            (HOST.to_owned(), RecordType::A, expected.clone()),
            (HOST.to_uppercase(), RecordType::A, expected.clone()),
            (format!("{HOST}.gslb.example"), RecordType::A, expected.clone()),
            (HOST.to_owned(), RecordType::AAAA, Err(ResponseCode::NoError)),
            (HOST.to_owned(), RecordType::MX, Err(ResponseCode::NoError)),
            (format!("x.{HOST}"), RecordType::A, Err(ResponseCode::NXDomain)),
            ("x.gslb.example".to_owned(), RecordType::A, Err(ResponseCode::NXDomain)),
            ("elsewhere.example".to_owned(), RecordType::A, Err(ResponseCode::Refused)),
        ] {
            assert_eq!(
                ask(server, tcp, &name, record_type).await,
                expected,
                "{name} {record_type} tcp={tcp}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_is_answered_before_something_is_loaded() {
    let world = World::start(Config::empty("first", "first-1")).await;
    let server = world.gateway.addresses().dns.unwrap();
    assert_eq!(ask(server, false, HOST, RecordType::A).await, Err(ResponseCode::ServFail));
    change(&world.config, |config| *config = answering());
    let found = |seen: &Seen| seen.is_ok();
    let _ =
        eventually("an answer", Duration::from_secs(5), || ask(server, false, HOST, RecordType::A), found)
            .await;
}
