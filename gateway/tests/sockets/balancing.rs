//! Who of several endpoints serves, over real sockets: ejection, affinity, timeouts, retries, the limit.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use spillway_decide::routes::{LimitedTo, Policy, RouteTable};

use crate::support::client::{get, http1};
use crate::support::{Backend, HOST, World, backend, change, eventually, one_route, shown};

const PATIENCE: Duration = Duration::from_secs(20);

async fn world(endpoints: &[SocketAddr], policy: Policy) -> World {
    let mut config = one_route("first", endpoints);
    let mut routes = config.routes.routes().to_vec();
    routes[0].policy = policy;
    config.routes = RouteTable::new(routes);
    World::start(config).await
}

fn put(path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::put(path).header("host", HOST).body(Full::from(body.to_owned())).unwrap()
}

/// One of two does not listen. After five failures it is not asked any more, so that no request waits for it.
#[tokio::test]
async fn an_endpoint_that_fails_is_ejected_and_seen_so() {
    let (backend, gone) = (Backend::start("here").await, backend::refusing());
    let world = world(&[gone, backend.address], Policy::default()).await;
    let http = world.http();
    let ask = || async { http1(http, get("/api/x")).await.status() };
    while world.counter("retries") < 5 {
        assert_eq!(ask().await, StatusCode::OK);
    }
    for _ in 0..50 {
        assert_eq!(ask().await, StatusCode::OK);
    }
    assert_eq!(world.counter("retries"), 5, "nobody was sent there again");
    let view = &shown(&world).await["default/api-gateway:8080"]["endpoints"];
    let ejected = &view[gone.to_string()];
    assert_eq!(
        (&ejected["state"], &ejected["ejected"]["reason"]),
        (&"ejected".into(), &"5 failures in a row".into())
    );
    assert_eq!(view[backend.address.to_string()]["state"], "ready");
    let metrics = http1(world.admin(), get("/metrics")).await.into_body();
    for line in [
        "spillway_gateway_endpoint_faults_total{fault=\"connect\"} 5",
        "spillway_gateway_endpoint_ejections_total{reason=\"failures_in_a_row\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn a_client_stays_with_its_cookie_and_moves_when_its_endpoint_goes() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let policy = Policy { affinity_cookie: Some("shop_at".into()), ..Policy::default() };
    let world = world(&[one.address, two.address], policy).await;
    let first = http1(world.http(), get("/api/x")).await;
    let set = first.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.starts_with("shop_at=") && set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let again = || {
        let request = Request::builder().uri("/api/x").header("host", HOST);
        request.header("cookie", format!("a=b; {cookie}")).body(Full::default()).unwrap()
    };
    for _ in 0..20 {
        let answer = http1(world.http(), again()).await;
        assert_eq!(answer.body(), first.body());
        assert!(!answer.headers().contains_key("set-cookie"), "it has one");
    }
    let other = if first.body() == "one" { two.address } else { one.address };
    change(&world.config, |config| config.backends = one_route("first", &[other]).backends);
    let answer = http1(world.http(), again()).await;
    assert_ne!(answer.body(), first.body());
    assert_ne!(answer.headers()["set-cookie"], set, "it is told where it is now");
}

#[tokio::test]
async fn an_answer_has_the_time_that_its_route_gives() {
    let backend = Backend::start("here").await;
    let policy = Policy { response_timeout_milliseconds: 200, ..Policy::default() };
    let world = world(&[backend.address], policy).await;
    assert_eq!(http1(world.http(), get("/api/slow/60000")).await.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(http1(world.http(), get("/api/slow/1")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_idempotent_and_small_is_sent_once_more_and_nothing_else() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let policy = Policy { retry_on_status: vec![503], ..Policy::default() };
    let world = world(&[one.address, two.address], policy).await;
    let large = "x".repeat(100_000);
    let post = Request::post("/api/status/503").header("host", HOST).body(Full::default()).unwrap();
    for (what, request, status, served) in [
        ("a PUT that is lost", put("/api/cut", "small"), 502, 2),
        ("a large one", put("/api/cut", &large), 502, 1),
        ("a GET that is answered 503", get("/api/status/503"), 503, 2),
        ("500 is not listed", get("/api/status/500"), 500, 1),
        ("a POST", post, 503, 1),
    ] {
        let before = one.served() + two.served();
        let answer = http1(world.http(), request).await;
        assert_eq!(answer.status().as_u16(), status, "{what}");
        assert_eq!(one.served() + two.served() - before, served, "{what}");
    }
    let answer = http1(world.http(), put("/api/echo", "all of it")).await;
    assert_eq!(answer.body(), "all of it");
}

/// Every request fails everywhere: the backends get a fifth more and ten at once, and not twice as many.
#[tokio::test]
async fn retries_have_a_budget() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let policy = Policy { retry_on_status: vec![503], ..Policy::default() };
    let world = world(&[one.address, two.address], policy).await;
    let began = std::time::Instant::now();
    for _ in 0..200 {
        http1(world.http(), get("/api/status/503")).await;
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let retries = one.served() + two.served() - 200;
    assert!(retries <= 200 / 5 + 10 + seconds, "{retries} retries in {seconds} s");
    assert!(retries >= 20, "{retries} retries");
}

/// The backend works on four at a time, and forty come: the gateway finds that out, and turns away what would only wait.
#[tokio::test]
async fn a_full_backend_takes_what_it_can() {
    let backend = Backend::with_workers("here", 4).await;
    let policy = Policy { concurrency_limit: LimitedTo::All, ..Policy::default() };
    let world = world(&[backend.address], policy).await;
    let http = world.http();
    for _ in 0..80 {
        assert_eq!(http1(http, get("/api/work/10")).await.status(), StatusCode::OK);
    }
    let clients: Vec<_> = (0..40)
        .map(|_| {
            tokio::spawn(async move {
                loop {
                    let answer = http1(http, get("/api/work/10")).await;
                    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                        return answer;
                    }
                }
            })
        })
        .collect();
    // The first window that shows a queue may still hold quick answers, and bring it down by little.
    eventually(
        "a limit below what comes",
        PATIENCE,
        || async { shown(&world).await["default/api-gateway:8080"]["concurrencyLimit"].as_f64() },
        |limit| limit.is_some_and(|limit| limit < 40.0),
    )
    .await;
    let (refused, _, rest) = futures::future::select_all(clients).await;
    let refused = refused.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.body().contains("takes no more requests"), "{}", refused.body());
    rest.iter().for_each(tokio::task::JoinHandle::abort);
    let metrics = http1(world.admin(), get("/metrics")).await.into_body();
    assert!(metrics.contains("spillway_gateway_backend_full_total{class=\"own\"}"), "{metrics}");
}
