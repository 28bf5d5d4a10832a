//! Pools as configs change them and outcomes mark them.

use spillway_decide::routes::{BackendRef, PortRef};

use super::super::{Lease, Upstreams, clock};
use super::*;
use crate::config::Config;

const SLOW_START: Duration = Duration::from_secs(30);

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn reference() -> BackendRef {
    BackendRef { namespace: "web".into(), service: "shop".into(), port: PortRef::Number(80) }
}

fn config(generation: u64, ready: &[u16], terminating: &[u16]) -> Config {
    let addresses = |ports: &[u16]| ports.iter().map(|port| address(*port)).collect();
    let backend =
        Backend { ready: addresses(ready), terminating: addresses(terminating), ..Backend::default() };
    Config { generation, backends: HashMap::from([(reference(), backend)]), ..Config::default() }
}

fn pool(upstreams: &Upstreams, config: &Config) -> Arc<Pool> {
    upstreams.pool(config, &reference()).unwrap()
}

fn picked(pool: &Arc<Pool>, wish: Wish<'_>) -> Option<u16> {
    pool.pick(clock::now(), wish).map(|chosen| chosen.address().port())
}

fn chosen(pool: &Arc<Pool>, port: u16) -> Chosen {
    let member = pool.ready.iter().find(|member| member.endpoint.address() == address(port)).unwrap();
    Chosen { pool: Arc::clone(pool), member: Arc::clone(member) }
}

fn fail(pool: &Arc<Pool>, port: u16) {
    (0..5).for_each(|_| chosen(pool, port).note(clock::now(), Outcome::Failed));
}

#[test]
fn terminating_endpoints_serve_only_when_none_is_ready() {
    let upstreams = Upstreams::default();
    assert_eq!(picked(&pool(&upstreams, &config(1, &[1], &[2])), Wish::default()), Some(1));
    assert_eq!(picked(&pool(&upstreams, &config(2, &[], &[2])), Wish::default()), Some(2));
    assert_eq!(picked(&pool(&upstreams, &config(3, &[], &[])), Wish::default()), None);
}

#[test]
fn a_retry_goes_elsewhere() {
    let upstreams = Upstreams::default();
    let pool = pool(&upstreams, &config(1, &[1, 2], &[]));
    assert_eq!(picked(&pool, Wish { not: &[address(1)], ..Wish::default() }), Some(2));
    assert_eq!(picked(&pool, Wish { not: &[address(1), address(2)], ..Wish::default() }), None);
}

#[test]
fn half_is_ejected_at_most_and_the_rest_serves() {
    let upstreams = Upstreams::default();
    let four = pool(&upstreams, &config(1, &[1, 2, 3, 4], &[]));
    for port in [1, 2, 3] {
        fail(&four, port);
    }
    assert_eq!(four.ejected(clock::now()), 2, "the third one is one too many");
    for _ in 0..50 {
        assert!([Some(3), Some(4)].contains(&picked(&four, Wish::default())));
    }
    let one = pool(&upstreams, &config(2, &[9], &[]));
    fail(&one, 9);
    assert_eq!(one.ejected(clock::now()), 0, "never the last");
    let left = pool(&upstreams, &config(3, &[1], &[]));
    assert_eq!(picked(&left, Wish::default()), Some(1), "anew: it was gone in between");
}

#[test]
fn what_is_known_outlives_a_config_that_keeps_the_endpoint() {
    let upstreams = Upstreams::default();
    let before = pool(&upstreams, &config(1, &[1, 2], &[]));
    fail(&before, 1);
    assert!(Arc::ptr_eq(&before, &pool(&upstreams, &config(2, &[1, 2], &[]))), "nothing has changed");
    let after = pool(&upstreams, &config(3, &[1, 2, 3], &[]));
    let now = clock::now();
    assert!(after.ready[0].ejection(now).is_some());
    assert_eq!(after.ready[1].weight(now, SLOW_START), 1000);
    assert_eq!(after.ready[2].weight(now, SLOW_START), 100, "the new one begins slowly");
    assert!(Arc::ptr_eq(&after, &pool(&upstreams, &config(1, &[1, 2], &[]))), "an older config is over");
    let back = now + Duration::from_secs(11);
    assert!(after.ready[0].ejection(back).is_none());
    assert_eq!(after.ready[0].weight(back, SLOW_START), 100, "who comes back begins slowly");
}

#[test]
fn load_is_of_the_endpoint_and_a_cookie_goes_before_it() {
    let upstreams = Upstreams::default();
    let pool = pool(&upstreams, &config(1, &[1, 2], &[]));
    let _busy = Lease::load_for_test(chosen(&pool, 1));
    let token = chosen(&pool, 1).token().to_owned();
    for _ in 0..50 {
        assert_eq!(picked(&pool, Wish::default()), Some(2));
        assert_eq!(picked(&pool, Wish { token: Some(&token), ..Wish::default() }), Some(1));
    }
    assert_eq!(pool.known_token(["nonsense", &token].into_iter()), Some(token.clone()));
    fail(&pool, 1);
    assert_eq!(
        picked(&pool, Wish { token: Some(&token), ..Wish::default() }),
        Some(2),
        "not to an ejected one"
    );
}

#[test]
fn what_is_gone_is_forgotten() {
    let upstreams = Upstreams::default();
    pool(&upstreams, &config(1, &[1], &[]));
    upstreams.follow(&Config { generation: 2, ..Config::default() });
    assert!(upstreams.view().is_empty() && upstreams.endpoints.lock().is_empty());
}
