//! Keys of gateways are exchanged while spill flows between them: new certificates, then a new authority.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use region_gateway::config::Credentials;
use spillway_decide::{Intent, Peer, Priority, PriorityRegion};
use tokio::task::JoinSet;

use crate::spill::{peer, trusted};
use crate::support::authority::identity;
use crate::support::client::{get, http1};
use crate::support::program::PATIENCE;
use crate::support::{Authority, Backend, HOST, PRIORITY, World, change, eventually, one_route};

/// `first` is drained: what arrives there is served by `second`.
async fn pair(authority: &Authority) -> [World; 2] {
    let mut worlds = Vec::new();
    for region in ["first", "second"] {
        let backend = Backend::start(region).await;
        worlds.push(World::start(trusted(one_route(region, &[backend.address]), authority)).await);
    }
    let peers: Vec<Peer> = worlds
        .iter()
        .zip(["first", "second"])
        .map(|(world, region)| peer(region, world.http(), world.spill()))
        .collect();
    let drained = PriorityRegion { name: "first".into(), intent: Intent::Drained };
    let healthy = PriorityRegion { name: "second".into(), ..PriorityRegion::default() };
    let priority = Priority { regions: vec![drained, healthy], ..Priority::default() };
    for world in &worlds {
        change(&world.config, |config| {
            config.peers.clone_from(&peers);
            config.priorities = [(PRIORITY.to_owned(), priority.clone())].into();
        });
    }
    worlds.try_into().unwrap_or_else(|_| unreachable!())
}

#[tokio::test]
async fn keys_are_exchanged_and_no_request_fails() {
    let (old, new) = (Authority::new(), Authority::new());
    let worlds = pair(&old).await;
    let address = worlds[0].http();
    let spilled = || async { http1(address, get("/api/x")).await.into_body() };
    eventually("spill", PATIENCE, spilled, |body| body == "second").await;

    let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
        clients.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // Bodies are not kept, so that what is lost cannot be repeated.
                let request =
                    Request::post("/api/echo").header("host", HOST).body(Full::<Bytes>::from("once"));
                let answer = http1(address, request.unwrap()).await;
                assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "once"));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let authorities = |credentials: &Credentials| credentials.authorities_pem.clone();
    let both = authorities(&old.issue("spiffe://fed/hub")) + &authorities(&new.issue("spiffe://fed/hub"));
    // As the hub does it: a certificate anew, then two authorities, then the new one's certificates, then it alone.
    let steps: [(&Authority, Option<&String>); 4] =
        [(&old, None), (&old, Some(&both)), (&new, Some(&both)), (&new, None)];
    for (authority, trusts) in steps {
        for (world, region) in worlds.iter().zip(["first", "second"]) {
            change(&world.config, |config| {
                let issued = authority.issue(&identity(region));
                let authorities_pem = trusts.cloned().unwrap_or(authorities(&issued));
                config.credentials = Some(Arc::new(Credentials { authorities_pem, ..issued }));
            });
            let before = worlds[0].counter("spilled");
            let more = || async { worlds[0].counter("spilled") };
            eventually("spill goes on", PATIENCE, more, |now| *now > before + 20).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.expect("every request was answered");
    }
    assert!(answered.load(Ordering::Relaxed) > 100, "there was load: {answered:?}");
}

/// rcgen's certificates end with the year 4095.
#[tokio::test]
async fn when_an_identity_ends_is_told() {
    let backend = Backend::start("first").await;
    let world = World::start(trusted(one_route("first", &[backend.address]), &Authority::new())).await;
    let metrics = || async { http1(world.admin(), get("/metrics")).await.into_body() };
    let ends =
        "spillway_gateway_identity_expiry_timestamp_seconds{region=\"first\",member=\"first-1\"} 67090118400";
    eventually("the end", PATIENCE, metrics, |text| text.contains(ends)).await;
    change(&world.config, |config| config.credentials = None);
    let series = "spillway_gateway_identity_expiry_timestamp_seconds{";
    eventually("no end without an identity", PATIENCE, metrics, |text| !text.contains(series)).await;
}
