//! What belongs to a hop, what is believed about earlier ones, and requests that come round again.

use std::net::SocketAddr;

use http::{Request, StatusCode};
use http_body_util::Full;
use region_gateway::bounds::Bounds;

use crate::support::client::{get, http1};
use crate::support::recorder::{Arrived, Recorder};
use crate::support::wire::Wire;
use crate::support::{Backend, HOST, World, change, one_route};

async fn world(bounds: Bounds) -> (World, Recorder) {
    let backend = Recorder::start().await;
    (World::bounded(one_route("first", &[backend.address]), bounds).await, backend)
}

fn localhost() -> Bounds {
    Bounds { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..Bounds::default() }
}

fn field(arrived: &Arrived, name: &str) -> String {
    let values = arrived.headers.get_all(name).iter().map(|value| value.to_str().unwrap());
    values.collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn fields_of_one_hop_stay_there_in_both_directions() {
    let (world, backend) = world(Bounds::default()).await;
    let mut wire = Wire::connect(world.http()).await;
    wire.send(format!(
        "GET /api/x HTTP/1.1\r\nHost: {HOST}\r\nConnection: keep-alive, X-Mine, close\r\nX-Mine: 1\r\n\
         Keep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\n\
         TE: gzip\r\nUpgrade: foo\r\nX-End: 1\r\n\r\n"
    ))
    .await;
    let answer = wire.rest().await.to_lowercase();
    assert!(answer.contains("x-kept: 1") && !answer.contains("keep-alive: timeout"), "{answer}");
    let arrived = &backend.take()[0];
    for name in
        ["connection", "x-mine", "keep-alive", "proxy-connection", "proxy-authorization", "te", "upgrade"]
    {
        assert!(!arrived.headers.contains_key(name), "{name}: {arrived:?}");
    }
    assert_eq!(field(arrived, "x-end"), "1");
}

#[tokio::test]
async fn what_listed_proxies_say_is_believed_and_what_others_say_is_replaced() {
    let said = [
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "public.example:8443"),
        ("x-real-ip", "192.0.2.7"),
    ];
    for (bounds, chain, proto, host, forwarded, real) in [
        (
            Bounds::default(),
            "127.0.0.1",
            "http",
            HOST,
            format!("for=127.0.0.1;host=\"{HOST}\";proto=http"),
            "",
        ),
        (
            localhost(),
            "192.0.2.7, 127.0.0.1",
            "https",
            "public.example:8443",
            "for=192.0.2.7;host=\"public.example:8443\";proto=https".to_owned(),
            "192.0.2.7",
        ),
    ] {
        let (world, backend) = world(bounds).await;
        change(&world.config, |config| {
            let mut routes: Vec<_> = config.routes.clone().into();
            routes[0].host = spillway_decide::routes::HostPattern::Any;
            config.routes = routes.into();
        });
        let mut request = Request::get("/api/x").header("host", HOST);
        for (name, value) in said {
            request = request.header(name, value);
        }
        let answer = http1(world.http(), request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let arrived = &backend.take()[0];
        assert_eq!(field(arrived, "x-forwarded-for"), chain);
        assert_eq!(field(arrived, "x-forwarded-proto"), proto);
        assert_eq!(field(arrived, "x-forwarded-host"), host);
        assert_eq!(field(arrived, "forwarded"), forwarded);
        assert_eq!(field(arrived, "x-real-ip"), real);
    }
}

#[tokio::test]
async fn redirects_come_home_to_the_host_and_scheme_that_a_listed_proxy_names() {
    let backend = Backend::start("here").await;
    let world = World::bounded(one_route("first", &[backend.address]), localhost()).await;
    let request = Request::get("/api/redirect/next")
        .header("host", HOST)
        .header("forwarded", format!("for=192.0.2.7;host={HOST};proto=https"));
    let answer = http1(world.http(), request.body(Full::default()).unwrap()).await;
    assert_eq!(answer.headers()["location"], format!("https://{HOST}/api/next?q=a%2Fb#f"));
}

/// A version 2 header for a connection from `client`.
fn version_2(client: SocketAddr) -> Vec<u8> {
    use ppp::v2::{Builder, Command, Protocol, Version};
    let to: SocketAddr = "10.0.0.1:80".parse().unwrap();
    Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, (client, to)).build().unwrap()
}

#[tokio::test]
async fn load_balancers_on_the_list_say_who_the_client_is() {
    let bounds = Bounds { proxy_protocol_from: vec!["127.0.0.0/8".parse().unwrap()], ..Bounds::default() };
    let (world, backend) = world(bounds).await;
    let request = format!("GET /api/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for (what, header, client) in [
        ("v1", b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n".to_vec(), "192.0.2.7"),
        ("v1 IPv6", b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n".to_vec(), "2001:db8::7"),
        ("v1 of the balancer itself", b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        ("v2", version_2("192.0.2.8:4711".parse().unwrap()), "192.0.2.8"),
        ("v2 IPv4 in IPv6", version_2("192.0.2.9:1".parse().unwrap()), "192.0.2.9"),
        ("v2 local", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "127.0.0.1"),
    ] {
        let mut wire = Wire::connect(world.http()).await;
        // The header in two pieces.
        let (first, second) = header.split_at(9);
        wire.send(first).await;
        wire.send([second, request.as_bytes()].concat()).await;
        assert_eq!(wire.statuses(1).await, [200], "{what}");
        assert_eq!(field(&backend.take()[0], "x-forwarded-for"), client, "{what}");
    }
    for header in ["", "PROXY TCP4 nonsense\r\n", "PROXY"] {
        let mut wire = Wire::connect(world.http()).await;
        wire.send(format!("{header}{request}")).await;
        assert_eq!(wire.rest().await, "", "{header:?}: no header that can be used, no answer");
    }
    assert!(backend.take().is_empty());
}

#[tokio::test]
async fn a_loop_ends() {
    let world = World::start(one_route("first", &[])).await;
    let own = world.http();
    change(&world.config, |config| {
        for backend in config.backends.values_mut() {
            backend.ready = vec![own];
        }
    });
    let answer = http1(own, get("/api/x")).await;
    assert_eq!(answer.status(), StatusCode::LOOP_DETECTED, "{}", answer.body());
    assert_eq!(world.counter("requests"), 4, "three passes, and the one that is refused");
}
