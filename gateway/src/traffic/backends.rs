//! Probes of our own region: a few routes of each priority are asked each second through the gateway's own
//! routing, so that a standby knows how it is without traffic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use spillway_decide::routes::{HostPattern, PathPattern, Route};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{Traffic, probe};
use crate::config::{Config, Protocol};

/// Routes of one priority that are asked in one second; they take turns.
pub(super) const ROUTES_A_SECOND: usize = 8;
/// Rounds of slow probes that may overlap.
const MAX_ROUNDS: usize = 10;

/// What to ask whom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    endpoint: SocketAddr,
    host: String,
    path: String,
    protocol: Protocol,
}

/// Starts a round each second until `stop`.
pub(super) async fn probe_each_second(traffic: Traffic, stop: CancellationToken) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let running = Arc::new(AtomicUsize::new(0));
    for round in 0.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let config = traffic.inner.config.borrow().clone();
        for name in config.priorities.keys() {
            if running.load(Ordering::Relaxed) < MAX_ROUNDS * config.priorities.len() {
                running.fetch_add(1, Ordering::Relaxed);
                let (traffic, config) = (traffic.clone(), Arc::clone(&config));
                let (name, running) = (name.clone(), Arc::clone(&running));
                tokio::spawn(async move {
                    ask(&traffic, &config, &name, round).await;
                    running.fetch_sub(1, Ordering::Relaxed);
                });
            }
        }
    }
}

/// One round: bad when at least half of the routes asked are. One broken route is not a broken region.
async fn ask(traffic: &Traffic, config: &Config, name: &str, round: usize) {
    let (Some(live), Some(priority)) = (traffic.live(name), config.priorities.get(name)) else { return };
    let routes: Vec<&Route> =
        config.routes.routes().iter().filter(|route| route.priority.as_deref() == Some(name)).collect();
    if routes.is_empty() {
        return;
    }
    let sent = traffic.inner.clock.now();
    let bound = priority.health.latency_bound();
    let spoiled = traffic.spoils_probes(name, bound);
    let probe = |(route, target): (String, Option<Target>)| async move {
        let ok = match target {
            Some(_) if spoiled => false,
            Some(target) => answers(&target, bound).await,
            None => false,
        };
        (route, ok)
    };
    let (regular, watched) = (turn(config, &routes, round), live.watched(&routes, round));
    let count = regular.len();
    let watched = watched.into_iter().map(|route| (route.id.clone(), aim(config, route, round)));
    let told = join_all(regular.into_iter().chain(watched).map(probe)).await;
    for (nth, (route, ok)) in told.iter().enumerate() {
        live.routes.probed(sent, route, *ok, nth >= count);
    }
    let bad = told.iter().take(count).filter(|(_, ok)| !*ok).count();
    live.ledger.lock().evidence.probe(sent, 2 * bad < count);
}

async fn answers(target: &Target, bound: Duration) -> bool {
    let Target { endpoint, host, path, protocol } = target;
    let answer = timeout(bound, probe::get(*endpoint, None, host, path, *protocol)).await;
    matches!(answer, Ok(Ok(status)) if !status.is_server_error())
}

/// This round's routes, among those that have somebody to ask. None means that nobody serves anything.
fn turn(config: &Config, routes: &[&Route], round: usize) -> Vec<(String, Option<Target>)> {
    let ready = |route: &&&Route| config.backends.get(&route.backend).is_some_and(|it| !it.ready.is_empty());
    let all: Vec<&&Route> = routes.iter().filter(ready).collect();
    let skip = if all.len() > ROUTES_A_SECOND { round * ROUTES_A_SECOND % all.len() } else { 0 };
    let turn = all.iter().cycle().skip(skip).take(all.len().min(ROUTES_A_SECOND));
    turn.filter_map(|route| Some((route.id.clone(), Some(aim(config, route, round)?)))).collect()
}

/// Whom to ask about a route this time.
fn aim(config: &Config, route: &Route, round: usize) -> Option<Target> {
    let backend = config.backends.get(&route.backend)?;
    let endpoint = *backend.ready.get(round.checked_rem(backend.ready.len())?)?;
    target(route, endpoint, backend.protocol)
}

fn target(route: &Route, endpoint: SocketAddr, protocol: Protocol) -> Option<Target> {
    let asked = route.probe.as_ref().and_then(|probe| probe.host.clone());
    let host = asked.unwrap_or_else(|| match &route.host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Wildcard(suffix) => format!("spillway-probe.{suffix}"),
        HostPattern::Any => endpoint.to_string(),
    });
    let path = match (&route.probe, &route.path) {
        (Some(probe), _) => probe.path.clone(),
        (None, PathPattern::Exact(path)) => path.clone(),
        (None, PathPattern::Prefix(prefix)) => format!("{prefix}/"),
        (None, PathPattern::Default) => "/".to_owned(),
    };
    path.starts_with('/').then_some(Target { endpoint, host, path, protocol })
}

#[cfg(test)]
mod tests {
    use spillway_decide::routes::{Ingress, IngressPath, IngressRule, PathType, PortRef, compile};

    use super::*;

    fn asked(host: Option<&str>, probe_host: Option<&str>) -> String {
        let path = IngressPath {
            path: Some("/api/".into()),
            path_type: PathType::Prefix,
            service: "api".into(),
            port: PortRef::Number(80),
        };
        let (routes, _) = compile(vec![Ingress {
            probe_path: Some("/ping".into()),
            probe_host: probe_host.map(Into::into),
            rules: vec![IngressRule { host: host.map(Into::into), paths: vec![path] }],
            ..Ingress::default()
        }]);
        let target =
            target(&routes.routes()[0], SocketAddr::from(([10, 0, 0, 1], 80)), Protocol::Http1).unwrap();
        assert_eq!(target.path, "/ping");
        target.host
    }

    #[test]
    fn probes_ask_for_the_host_of_the_probe_or_the_route() {
        assert_eq!(asked(Some("a.example"), None), "a.example");
        assert_eq!(asked(Some("a.example"), Some("ping.example")), "ping.example");
        assert_eq!(asked(Some("*.a.example"), None), "spillway-probe.a.example");
        assert_eq!(asked(None, Some("ping.example")), "ping.example");
    }
}
