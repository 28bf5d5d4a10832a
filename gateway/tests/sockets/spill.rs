//! Two gateways and the mutually authenticated path between them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use region_gateway::body;
use region_gateway::config::{self, Config, Credentials};
use region_gateway::mtls::PeerClient;
use spillway_decide::{Door, Intent, Peer, Priority, PriorityRegion};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::authority::identity;
use crate::support::client::{get, http1};
use crate::support::wire::Wire;
use crate::support::{Authority, Backend, HOST, PRIORITY, World, backend, change, eventually, one_route};

pub(crate) fn peer(region: &str, front_door: SocketAddr, spill: SocketAddr) -> Peer {
    let door = |address: SocketAddr| Door { addresses: vec![address.ip()], port: address.port() };
    Peer {
        federation: "fed".into(),
        region: region.into(),
        member: format!("{region}-1"),
        front_door: door(front_door),
        spill: door(spill),
        identity: identity(region),
        max_requests_per_second: None,
    }
}

pub(crate) fn trusted(mut config: Config, authority: &Authority) -> Config {
    let name = identity(&config.identity.region);
    config.identity.federation = "fed".into();
    config.credentials = Some(Arc::new(authority.issue(&name)));
    config
}

/// A member that nobody needs to reach.
fn member(region: &str) -> Peer {
    peer(region, backend::refusing(), backend::refusing())
}

/// A client of its own, as the gateway of `region`.
fn client(region: &str, authority: &Authority) -> PeerClient {
    let (_, receiver) = config::channel(trusted(Config::empty(region, &format!("{region}-1")), authority));
    PeerClient::new(receiver, None)
}

fn spilled(path: &str) -> Request<body::Body> {
    Request::builder()
        .uri(format!("http://{HOST}{path}"))
        .header("forwarded", format!("for=192.0.2.7;host=\"{HOST}:8080\";proto=https"))
        .body(body::empty())
        .unwrap()
}

struct Serving {
    world: World,
    authority: Authority,
    peer: Peer,
    backend: Backend,
}

async fn serving() -> Serving {
    let authority = Authority::new();
    let backend = Backend::start("second").await;
    let world = World::start(trusted(one_route("second", &[backend.address]), &authority)).await;
    let peer = peer("second", world.http(), world.spill());
    let members = vec![member("first"), peer.clone()];
    change(&world.config, |config| config.peers = members);
    Serving { world, authority, peer, backend }
}

#[tokio::test]
async fn the_spill_listener_serves_peers_under_the_public_name() {
    let Serving { authority, peer, world, .. } = serving().await;
    let client = client("first", &authority);
    let response = client.send(&peer, spilled("/api/redirect/next")).await.unwrap();
    assert_eq!(response.headers()["location"], format!("https://{HOST}:8080/api/next?q=a%2Fb#f"));
    let response = client.send(&peer, spilled("/api/headers")).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body);
    for expected in
        ["host: portal.gov-prod.cn:8080", "x-forwarded-for: 192.0.2.7", "x-forwarded-proto: https"]
    {
        assert!(body.contains(expected), "{expected} is not in {body}");
    }
    assert_eq!(world.counter("requests"), 2);
}

#[tokio::test]
async fn whoever_is_not_meant_is_refused() {
    let Serving { authority, peer, backend, world: _world } = serving().await;
    let own = identity("first");
    let ours = authority.issue(&own);
    // Trusts the peer, but presents a certificate that the peer does not trust; then one of the right
    // authority that belongs to another federation.
    let unknown =
        Credentials { authorities_pem: ours.authorities_pem.clone(), ..Authority::new().issue(&own) };
    let foreign = authority.issue("spiffe://elsewhere/region/first/member/first-1");
    // Is trusted by the peer, but does not trust it.
    let wary = Credentials { authorities_pem: Authority::new().issue(&own).authorities_pem, ..ours };
    for (who, credentials) in [("unknown", unknown), ("foreign", foreign), ("wary", wary)] {
        let mut config = Config::empty("first", "first-1");
        config.credentials = Some(Arc::new(credentials));
        let client = PeerClient::new(config::channel(config).1, None);
        let outcome = client.send(&peer, spilled("/api/x")).await;
        assert!(outcome.is_err(), "{who} was answered: {outcome:?}");
    }

    let other = Peer { identity: identity("third"), ..peer.clone() };
    let failure = client("first", &authority).send(&other, spilled("/api/x")).await.unwrap_err();
    assert!(failure.unsent.is_some(), "nothing was sent to the wrong peer");
    assert!(failure.to_string().contains("was expected here"), "{failure}");

    let hub = {
        let mut config = Config::empty("-", "-");
        config.credentials = Some(Arc::new(authority.issue("spiffe://fed/hub")));
        PeerClient::new(config::channel(config).1, None)
    };
    assert_eq!(hub.send(&peer, spilled("/api/x")).await.unwrap().status(), StatusCode::FORBIDDEN);
    let report = hub.send(&peer, spilled("/.well-known/spillway/report")).await.unwrap();
    assert_eq!(report.status(), StatusCode::OK);
    assert_eq!(backend.served(), 0);
}

/// Certificates are good for months; membership ends at once, on connections that live, too.
#[tokio::test]
async fn a_member_that_is_removed_may_not_spill_any_more() {
    let Serving { authority, peer, backend, world } = serving().await;
    let client = client("first", &authority);
    assert_eq!(client.send(&peer, spilled("/api/x")).await.unwrap().status(), StatusCode::OK);
    change(&world.config, |config| config.peers.retain(|peer| peer.region != "first"));
    for path in ["/api/x", "/.well-known/spillway/exchange", "/.well-known/spillway/report"] {
        let response = client.send(&peer, spilled(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(backend.served(), 1);
}

#[tokio::test]
async fn connections_are_shared_and_survive_new_credentials() {
    let Serving { world, authority, peer, backend } = serving().await;
    let (sender, receiver) = config::channel(trusted(Config::empty("first", "first-1"), &authority));
    let client = PeerClient::new(receiver, None);
    let slow = {
        let (client, peer) = (client.clone(), peer.clone());
        tokio::spawn(async move { client.send(&peer, spilled("/api/slow/400")).await })
    };
    eventually("in flight", Duration::from_secs(5), || async { backend.served() }, |served| *served == 1)
        .await;
    for gateway in [&world.config, &sender] {
        change(gateway, |config| *config = trusted(config.clone(), &authority));
    }
    assert_eq!(client.send(&peer, spilled("/api/x")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK, "the old connection was not cut");
}

/// The origin may repeat it; if each hop did, a struggling region would get four for one.
#[tokio::test]
async fn the_second_hop_repeats_nothing() {
    let Serving { authority, peer, backend, world } = serving().await;
    let other = Backend::start("other").await;
    change(&world.config, |config| {
        config.backends = one_route("second", &[backend.address, other.address]).backends;
    });
    let response = client("first", &authority).send(&peer, spilled("/api/cut")).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(backend.served() + other.served(), 1);
    let response = client("first", &authority).send(&peer, spilled("/api/unprocessed")).await.unwrap();
    assert!(!response.headers().contains_key("spillway-unprocessed"), "only gateways say so");
}

/// Three of its four addresses take connections and say nothing.
#[tokio::test]
async fn addresses_that_hang_share_one_deadline() {
    let Serving { authority, mut peer, world: _world, .. } = serving().await;
    let silent = [2, 3, 4].map(|last| SocketAddr::from(([127, 0, 0, last], peer.spill.port)));
    let _hanging = silent.map(|address| std::net::TcpListener::bind(address).unwrap());
    peer.spill.addresses.splice(0..0, silent.map(|address| address.ip()));
    let (client, began) = (client("first", &authority), Instant::now());
    let both = tokio::join!(client.send(&peer, spilled("/api/x")), client.send(&peer, spilled("/api/x")));
    assert_eq!(both.0.unwrap().status(), StatusCode::OK);
    assert_eq!(both.1.unwrap().status(), StatusCode::OK);
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
}

/// `second` declares that it can carry nothing, so it grants nothing, and takes in nothing.
#[tokio::test]
async fn more_than_was_granted_is_refused() {
    let Serving { authority, peer, world, backend } = serving().await;
    let regions = ["first", "second"].map(|name| PriorityRegion { name: name.into(), ..Default::default() });
    change(&world.config, |config| {
        config.peers.iter_mut().for_each(|peer| peer.max_requests_per_second = Some(0));
        let priority = Priority { regions: regions.into(), ..Priority::default() };
        config.priorities = [(PRIORITY.to_owned(), priority)].into();
    });
    let client = client("first", &authority);
    let ask = || async { client.send(&peer, spilled("/api/x")).await.unwrap() };
    let refused = |response: &Response<_>| response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let response = eventually("a refusal", Duration::from_secs(10), ask, refused).await;
    assert_eq!(response.headers()["spillway-unprocessed"], "1", "the origin may serve it");
    assert_eq!(response.headers()["retry-after"], "1");
    let served = backend.served();
    assert_eq!(ask().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(backend.served(), served);
}

#[tokio::test]
async fn a_peer_that_is_gone_gives_the_request_back() {
    let authority = Authority::new();
    let gone = peer("second", backend::refusing(), backend::refusing());
    let request = Request::post(format!("http://{HOST}/api/echo")).body(body::full("precious")).unwrap();
    let failure = client("first", &authority).send(&gone, request).await.unwrap_err();
    let request = failure.unsent.expect("nobody could have read it");
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "precious");
}

/// `first` with its door, and `second`, where the arrivals of `first` are served while that is drained.
struct Pair {
    first: World,
    second: World,
}

impl Pair {
    async fn start(here: SocketAddr, there: SocketAddr) -> Self {
        let authority = Authority::new();
        let first = World::start(trusted(one_route("first", &[here]), &authority)).await;
        let second = World::start(trusted(one_route("second", &[there]), &authority)).await;
        let peers: Vec<Peer> = [("first", &first), ("second", &second)]
            .map(|(region, world)| peer(region, world.http(), world.spill()))
            .into();
        let pair = Self { first, second };
        for world in [&pair.first, &pair.second] {
            change(&world.config, |config| config.peers.clone_from(&peers));
        }
        pair.want(Intent::Drained);
        pair
    }

    /// What people want of `first`.
    fn want(&self, intent: Intent) {
        let first = PriorityRegion { name: "first".into(), intent };
        let second = PriorityRegion { name: "second".into(), ..PriorityRegion::default() };
        let priority = Priority { regions: vec![first, second], ..Priority::default() };
        for world in [&self.first, &self.second] {
            change(&world.config, |config| {
                config.priorities = [(PRIORITY.to_owned(), priority.clone())].into();
            });
        }
    }

    /// Waits until what arrives at `first` is served by `region`.
    async fn served_by(&self, region: &'static str) {
        let address = self.first.http();
        let ask = move || async move { http1(address, get("/api/x")).await.into_body() };
        eventually(region, Duration::from_mins(1), ask, move |body| body == region).await;
    }
}

/// `first` is drained, so what arrives there is served by `second`, and by itself once `second` is gone.
#[tokio::test]
async fn arrivals_spill_and_come_back_when_the_peer_dies() {
    let (here, there) = (Backend::start("first").await, Backend::start("second").await);
    let pair = Pair::start(here.address, there.address).await;
    pair.served_by("second").await;
    let Pair { first, second } = pair;
    let address = first.http();
    let answer = http1(address, get("/api/redirect/next")).await;
    assert_eq!(answer.headers()["location"], format!("http://{HOST}/api/next?q=a%2Fb#f"));
    let request = Request::post("/api/echo").header("host", HOST).body(Full::from("over there")).unwrap();
    assert_eq!(http1(address, request).await.body(), "over there");
    assert!(first.counter("spilled") > 0);
    assert_eq!(second.counter("spilled"), 0, "at most one hop");

    change(&second.config, |config| config.routes = Config::default().routes);
    let post = |body: String| Request::post("/api/x").header("host", HOST).body(Full::from(body)).unwrap();
    for request in [get("/api/x"), post(String::new()), post("x".repeat(64 * 1024))] {
        let (refused, method) = (first.counter("spillCameBack"), request.method().clone());
        let answer = http1(address, request).await;
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "first"), "{method}");
        assert_eq!(first.counter("spillCameBack"), refused + 1, "{method}: what is refused comes home");
    }
    let large = http1(address, post("x".repeat(64 * 1024 + 1))).await;
    assert_eq!(large.status(), StatusCode::SERVICE_UNAVAILABLE, "its body is not kept");
    assert!(!large.headers().contains_key("spillway-unprocessed"), "the mark is between gateways");
    let request = Request::put("/api/echo").header("host", HOST).body(Full::from("whole")).unwrap();
    assert_eq!(http1(address, request).await.body(), "whole", "with all of its body");

    second.gateway.stop().await;
    for _ in 0..20 {
        let answer = http1(address, get("/api/x")).await;
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "first"), "not one is lost");
    }
}

/// A request whose body comes back as it goes, in the region where it went.
struct Stream {
    up: mpsc::UnboundedSender<Bytes>,
    down: Incoming,
}

impl Stream {
    async fn open(address: SocketAddr) -> Self {
        let (up, pieces) = mpsc::unbounded();
        let body = StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece))));
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("/api/stream").header("host", HOST).body(body).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self { up, down: response.into_body() }
    }

    async fn echoes(&mut self, piece: &'static str) {
        self.up.unbounded_send(Bytes::from_static(piece.as_bytes())).unwrap();
        let frame = timeout(Duration::from_secs(10), self.down.frame()).await.unwrap();
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), piece);
    }
}

/// Traffic goes away and home: what is open stays where it is, a stream in the other region and a WebSocket at home.
#[tokio::test]
async fn a_failback_cuts_nothing_that_is_open() {
    let (here, there) = (Backend::start("first").await, Backend::start("second").await);
    let pair = Pair::start(here.address, there.address).await;
    pair.served_by("second").await;
    let before = there.served();
    let mut stream = Stream::open(pair.first.http()).await;
    assert_eq!(there.served(), before + 1, "a stream is spilled");
    let mut socket = Wire::connect(pair.first.http()).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n\r\n";
    socket.send(format!("GET /api/socket HTTP/1.1\r\nhost: {HOST}\r\n{upgrade}")).await;
    socket.until("101 Switching Protocols").await;
    for (intent, region, word) in [
        (Intent::Pinned, "first", "home"),
        (Intent::Drained, "second", "away"),
        (Intent::Pinned, "first", "again"),
    ] {
        pair.want(intent);
        pair.served_by(region).await;
        stream.echoes(word).await;
        socket.send(word).await;
        socket.until(&word.to_uppercase()).await;
    }
}
