//! A thousand backends of which most are broken, each in its way, and clients that vanish: the rest is served, each
//! fault is counted, and what was held for them is given back.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use spillway_decide::routes::{
    BackendRef, Ingress, IngressPath, IngressRule, PathType, Policy, PortRef, RouteTable, compile,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::{Answer, get};
use crate::support::{Backend, HOST, World, change, eventually, one_route, shown};
use region_gateway::config::{Backend as Endpoints, Config};

const PATIENCE: Duration = Duration::from_mins(1);
const BACKENDS: usize = 1000;

/// How a backend is broken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    /// Every other connection is closed at once.
    Flaps,
    /// Reads and says nothing.
    Hangs,
    /// Reads and resets.
    Resets,
    /// What it says is not HTTP.
    Garbage,
    /// Says 100 bytes, sends 3, closes.
    ClosesMidBody,
    /// Says 100 bytes, sends 3, waits.
    StallsMidBody,
}

const ALL: [Broken; 6] = [
    Broken::Flaps,
    Broken::Hangs,
    Broken::Resets,
    Broken::Garbage,
    Broken::ClosesMidBody,
    Broken::StallsMidBody,
];

/// One listener for all backends that are broken in this way: each has an address of its own.
async fn start(broken: Broken) -> SocketAddr {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0_usize.. {
            let Ok((stream, _)) = listener.accept().await else { continue };
            tokio::spawn(misbehave(broken, number, stream));
        }
    });
    address
}

async fn misbehave(broken: Broken, number: usize, mut stream: TcpStream) -> std::io::Result<()> {
    if broken == Broken::Flaps && number.is_multiple_of(2) {
        return Ok(());
    }
    let mut buffer = [0; 4096];
    loop {
        if stream.read(&mut buffer).await? == 0 {
            return Ok(());
        }
        match broken {
            Broken::Flaps => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?,
            Broken::Hangs => {}
            Broken::Resets => return stream.set_zero_linger(),
            Broken::Garbage => stream.write_all(b"\x00\x01 this is not HTTP\r\n\r\n").await?,
            Broken::ClosesMidBody => {
                return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").await;
            }
            Broken::StallsMidBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").await?;
            }
        }
    }
}

fn host(number: usize) -> String {
    format!("b{number}.example")
}

/// A thousand hosts with a backend each: every tenth is well, the others are broken in turn.
fn config(broken: &[SocketAddr], well: SocketAddr) -> Config {
    let mut config = one_route("first", &[well]);
    let mut ingresses = Vec::new();
    for number in 0..BACKENDS {
        let service = format!("s{number}");
        let last = u8::try_from(number % 200 + 1).unwrap();
        let third = u8::try_from(number / 200).unwrap();
        let port = broken[number % broken.len()].port();
        let address = if number % 10 == 0 { well } else { SocketAddr::from(([127, 9, third, last], port)) };
        let reference =
            BackendRef { namespace: "default".into(), service: service.clone(), port: PortRef::Number(80) };
        let backend = Endpoints { ready: vec![address], ..Endpoints::default() };
        config.backends.insert(reference, backend);
        let path =
            IngressPath { path: None, path_type: PathType::Prefix, service, port: PortRef::Number(80) };
        ingresses.push(Ingress {
            namespace: "default".into(),
            name: format!("i{number}"),
            policy: Policy {
                response_timeout_milliseconds: 1_000,
                idle_timeout_milliseconds: Some(1_000),
                ..Policy::default()
            },
            rules: vec![IngressRule { host: Some(host(number)), paths: vec![path] }],
            ..Ingress::default()
        });
    }
    (config.routes, _) = compile(ingresses);
    config
}

/// One request on a connection of its own; none when the answer broke off.
async fn ask(gateway: SocketAddr, host: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(gateway).await.ok()?;
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.ok()?;
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if length.is_some_and(|length| length.parse() != Ok(body.len())) {
        return None;
    }
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    Some(http::Response::builder().status(status).body(body.to_owned()).unwrap())
}

async fn in_flight(world: &World) -> u64 {
    let view = shown(world).await;
    let endpoints = view
        .as_object()
        .unwrap()
        .values()
        .flat_map(|backend| backend["endpoints"].as_object().unwrap().values());
    endpoints.map(|endpoint| endpoint["inFlight"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_broken_backends_cost_the_others_nothing() {
    let well = Backend::start("well").await;
    let broken = join_all(ALL.map(start)).await;
    let world = World::start(config(&broken, well.address)).await;
    let gateway = world.http();
    let ask_all = || async {
        let numbers: Vec<usize> = (0..BACKENDS).collect();
        let mut answers = Vec::new();
        for some in numbers.chunks(250) {
            answers.extend(
                join_all(some.iter().map(|number| async move { ask(gateway, &host(*number)).await })).await,
            );
        }
        answers
    };
    for _ in 0..3 {
        let answers = ask_all().await;
        for (number, answer) in answers.iter().enumerate() {
            let status = answer.as_ref().map(|answer| answer.status().as_u16());
            if number % 10 == 0 {
                assert_eq!(answer.as_ref().map(|answer| answer.body().as_str()), Some("well"), "{number}");
                continue;
            }
            let expected: &[Option<u16>] = match ALL[number % ALL.len()] {
                Broken::Flaps => &[Some(200), Some(502)],
                Broken::Hangs => &[Some(504)],
                Broken::Resets | Broken::Garbage => &[Some(502)],
                Broken::ClosesMidBody | Broken::StallsMidBody => &[None],
            };
            assert!(expected.contains(&status), "{number} {:?}: {status:?}", ALL[number % ALL.len()]);
        }
    }
    let metrics = crate::support::client::http1(world.admin(), get("/metrics")).await.into_body();
    for fault in ["reset", "garbage", "timeout", "cut", "stalled"] {
        let series = format!("spillway_gateway_endpoint_faults_total{{fault=\"{fault}\"}} ");
        let count = metrics.lines().find_map(|line| line.strip_prefix(&series)).map(str::parse::<u64>);
        assert!(matches!(count, Some(Ok(300..))), "{fault}: {count:?}");
    }
    eventually("nothing is in flight", PATIENCE, || in_flight(&world), |left| *left == 0).await;
    change(&world.config, |config| {
        *config = Config { generation: config.generation, ..one_route("first", &[well.address]) }
    });
    let known = || async { shown(&world).await.as_object().unwrap().len() };
    eventually("what is gone is forgotten", PATIENCE, known, |known| *known <= 1).await;
}

/// They ask for what takes long, or begin a body, and go away in the middle. Descriptors are few in some places, so a
/// thousand at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_vanish_leave_nothing_behind() {
    let backend = Backend::start("here").await;
    let mut config = one_route("first", &[backend.address]);
    let mut routes = config.routes.routes().to_vec();
    // A thousand connections at once take a while.
    routes[0].policy.connect_timeout_milliseconds = 60_000;
    config.routes = RouteTable::new(routes);
    let world = World::start(config).await;
    let gateway = world.http();
    for round in 0..10 {
        let vanish = (0..1000).map(|number| async move {
            let mut stream = TcpStream::connect(gateway).await.unwrap();
            let head = if number % 2 == 0 {
                format!("GET /api/slow/20000 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
            } else {
                format!("POST /api/echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\nhalf")
            };
            stream.write_all(head.as_bytes()).await.unwrap();
            if number % 4 < 2 {
                stream.set_zero_linger().unwrap();
            }
            stream
        });
        let streams = join_all(vanish).await;
        if round == 0 {
            eventually("they are in flight", PATIENCE, || in_flight(&world), |seen| *seen > 0).await;
        }
        drop(streams);
    }
    eventually("nothing is in flight", PATIENCE, || in_flight(&world), |left| *left == 0).await;
    let metrics = crate::support::client::http1(world.admin(), get("/metrics")).await.into_body();
    let faults: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("spillway_gateway_endpoint_faults_total")).collect();
    assert!(faults.is_empty(), "what clients do is no fault of the endpoint: {faults:?}");
    let view = shown(&world).await;
    let endpoint = &view["default/api-gateway:8080"]["endpoints"][backend.address.to_string()];
    assert_eq!(endpoint["failuresInARow"], 0, "{view}");
    let answer = crate::support::client::http1(gateway, get("/api/x")).await;
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "here"));
}
