//! What the program tells about itself over HTTP.

mod placement;
mod pprof;

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwapOption;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use spillway_placement::PlacementMap;
use tokio_util::sync::CancellationToken;

use crate::federation::Federation;

/// What the pages are about: the federation while we lead.
pub(crate) struct Admin {
    /// The federation, if we lead.
    pub(crate) federation: Arc<ArcSwapOption<Federation>>,
    /// Its placement map, whose rows the metrics count.
    pub(crate) placement: Arc<ArcSwapOption<PlacementMap>>,
    /// The metrics.
    pub(crate) registry: Registry,
    /// Whether anybody may take profiles.
    pub(crate) profiling: bool,
}

/// Serves until cancelled.
pub(crate) async fn serve(
    listen: SocketAddr,
    admin: Arc<Admin>,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "serving /healthz, /readyz, /metrics and /debug/placement");
    axum::serve(listener, router(admin)).with_graceful_shutdown(async move { cancel.cancelled().await }).await
}

fn router(admin: Arc<Admin>) -> Router {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/debug/placement", get(placement::placement));
    let router = if admin.profiling {
        router.route("/debug/pprof/", get(pprof::index)).route("/debug/pprof/{name}", get(pprof::take))
    } else {
        router.route("/debug/pprof/", get(pprof::off)).route("/debug/pprof/{*name}", get(pprof::off))
    };
    router.with_state(admin)
}

/// Ready is who waits for the lease, and who leads and has seen the hub.
async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match admin.federation.load_full() {
        None => "ok: waits for the lease\n".into_response(),
        Some(federation) if federation.hub.synced() => "ok: leads\n".into_response(),
        Some(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "leads, and has not seen all of the hub yet\n").into_response()
        }
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    if let Some(federation) = admin.federation.load_full() {
        gauge_members(&federation);
    }
    let mut text = String::new();
    match encode(&mut text, &admin.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn gauge_members(f: &Federation) {
    for member in f.members.all() {
        let of = crate::metrics::Of::member(&member.name);
        let health = member.health();
        f.metrics.reachable.get_or_create(&of).set(i64::from(member.answers()));
        f.metrics.held.get_or_create(&of).set(i64::from(health.held.is_some()));
        let queued = i64::try_from(member.queue.len()).unwrap_or(i64::MAX);
        f.metrics.queued.get_or_create(&of).set(queued);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arc_swap::ArcSwapOption;
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use prometheus_client::registry::Registry;
    use serde_json::{Value, json};
    use spillway_placement::Fingerprint;
    use tower::ServiceExt as _;

    use super::{Admin, Federation, router};
    use crate::{
        fixture::{client, done, federation},
        metrics::{Loop, Placements},
        object::Kind,
    };

    /// Who leads a federation with the Ingress `ns/web`, wanted on `sz` and failing on `cd`.
    fn leader() -> (Arc<Admin>, Arc<Federation>) {
        let (client, _) = client(done);
        let f = federation(&client);
        let key = Kind::Ingress.key("ns", "web");
        let wanted = Some(Fingerprint::new(0xfeed));
        for (member, tries) in [("sz", 0), ("cd", 3)] {
            f.placement.join(member).unwrap();
            let edit = |row: &mut spillway_placement::Row| {
                (row.desired, row.tries, row.since) = (wanted, tries, 1_700_000_000_000);
            };
            f.placement.upsert(&key, member, edit).unwrap();
        }
        f.failures.note(&key, "cd", "Forbidden", "no".into());
        let mut registry = Registry::with_prefix("spillway_controller");
        f.metrics.register(&mut registry);
        let placement = Arc::new(ArcSwapOption::new(Some(f.placement.clone())));
        registry.register_collector(Box::new(Placements(placement.clone())));
        let federation = Arc::new(ArcSwapOption::new(Some(f.clone())));
        (Arc::new(Admin { federation, placement, registry, profiling: false }), f)
    }

    async fn get(admin: &Arc<Admin>, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(admin.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn object(admin: &Arc<Admin>, path: &str) -> Value {
        let (status, text) = get(admin, path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Every metric of the map: its name, its type, and what must be in its help.
    const METRICS: [(&str, &str, &str); 10] = [
        ("placements", "gauge", "InStep is the goal"),
        ("placement_objects", "gauge", "Objects that the placement map knows"),
        ("placement_load_factor_ratio", "gauge", "row memory that is in use, 0 to 1"),
        ("placement_segments", "gauge", "the most objects that were there at once"),
        ("placement_bytes", "gauge", "pages stay until the term ends"),
        ("placement_growth_steps", "counter", "grew or shrank"),
        ("placement_entries_moved", "counter", "growth steps of the placement map copied"),
        ("placement_largest_operation_entries", "gauge", "more than 2048 is a bug"),
        ("placement_largest_operation_bytes", "gauge", "more than 163840 is a bug"),
        ("reconcile_duration_seconds", "histogram", "one round of work"),
    ];

    #[tokio::test]
    async fn every_metric_is_explained() {
        let (admin, f) = leader();
        f.metrics.rounds.observe(&Loop::PLACE, std::time::Duration::from_millis(3));
        let (status, text) = get(&admin, "/metrics").await;
        assert_eq!(status, 200);
        for (name, kind, says) in METRICS {
            let help = format!("# HELP spillway_controller_{name} ");
            let help = text.lines().find_map(|line| line.strip_prefix(&help));
            assert!(help.is_some_and(|help| help.contains(says)), "{name}: {help:?}");
            assert!(text.contains(&format!("# TYPE spillway_controller_{name} {kind}\n")), "{name}: {text}");
        }
        let (help, samples): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('#'));
        assert!(help.contains(&"# EOF"), "{help:?}");
        let growth = f.placement.growth();
        for (name, value) in [
            ("placements{member=\"sz\",state=\"Pending\"}", 1),
            ("placements{member=\"cd\",state=\"Failing\"}", 1),
            ("placement_objects", 1),
            ("placement_segments", growth.segments),
            ("placement_bytes", growth.bytes),
            ("placement_growth_steps_total", growth.steps),
            ("placement_entries_moved_total", growth.entries_moved),
            ("placement_largest_operation_entries", growth.largest_moved),
            ("placement_largest_operation_bytes", growth.largest_bytes),
            ("reconcile_duration_seconds_count{loop=\"place\"}", 1),
        ] {
            let line = format!("spillway_controller_{name} {value}");
            assert!(samples.contains(&line.as_str()), "no {line:?} in {samples:#?}");
        }
    }

    #[tokio::test]
    async fn the_load_factor_is_a_share() {
        let (admin, _) = leader();
        let (_, text) = get(&admin, "/metrics").await;
        let name = "spillway_controller_placement_load_factor_ratio ";
        let share = text.lines().find_map(|line| line.strip_prefix(name)).expect("a load factor");
        let share: f64 = share.parse().unwrap();
        assert!(share > 0.0 && share <= 1.0, "{share}");
    }

    #[tokio::test]
    async fn a_successor_that_waits_has_no_map() {
        let (admin, _) = leader();
        admin.federation.store(None);
        admin.placement.store(None);
        let (_, text) = get(&admin, "/metrics").await;
        assert!(!text.contains("placement_segments"), "{text}");
        let (status, text) = get(&admin, "/debug/placement").await;
        assert!(status == 503 && text.contains("does not lead"), "{status} {text}");
    }

    #[tokio::test]
    async fn one_object_is_shown_with_its_rows() {
        let (admin, f) = leader();
        let shown = object(&admin, "/debug/placement?object=ns/web").await;
        let id = f.placement.find(&Kind::Ingress.key("ns", "web")).expect("an id");
        assert_eq!(shown["id"], json!(format!("{id:?}")));
        assert_eq!(
            (&shown["kind"], &shown["namespace"], &shown["name"]),
            (&"Ingress".into(), &"ns".into(), &"web".into())
        );
        let mut rows = shown["rows"].as_array().expect("rows").clone();
        rows.sort_by_key(|row| row["member"].to_string());
        let failing = &rows[0];
        assert_eq!(
            (&failing["member"], &failing["state"], &failing["tries"]),
            (&"cd".into(), &"Failing".into(), &3.into())
        );
        assert_eq!(failing["since"], "2023-11-14T22:13:20Z");
        assert_eq!(failing["failure"]["reason"], "Forbidden");
        assert_eq!(failing["desired"], "0000000000000000000000000000feed");
        assert_eq!(failing["memberId"], json!(format!("{:?}", f.placement.member("cd").unwrap())));
        assert_eq!((&rows[1]["state"], &rows[1]["failure"]), (&"Pending".into(), &Value::Null));
    }

    #[tokio::test]
    async fn without_an_object_there_are_counts_and_growth() {
        let (admin, f) = leader();
        let shown = object(&admin, "/debug/placement").await;
        assert_eq!(shown["members"]["cd"]["Failing"], 1);
        assert_eq!(shown["totals"]["Pending"], 1);
        assert_eq!(shown["growth"]["steps"], f.placement.growth().steps);
        assert!(shown["growth"]["largestOperation"]["bytes"].is_u64(), "{shown}");
    }

    #[tokio::test]
    async fn other_questions_are_told_what_is_allowed() {
        let (admin, _) = leader();
        for (query, status, says) in [
            ("object=web", 400, "object: \"web\" must be NAMESPACE/NAME of a Ingress"),
            ("object=", 400, "object: \"\" must be"),
            ("object=ns/we%00b", 400, "object: \"ns/we\\0b\" must be"),
            ("kind=GatewayPeer&object=s%00z", 400, "must be NAME of a GatewayPeer"),
            ("object=ns/", 400, "object: \"ns/\" must be"),
            ("object=a/b/c", 400, "must be NAMESPACE/NAME"),
            ("kind=RegionPriority&object=a/b", 400, "must be NAME of a RegionPriority"),
            ("kind=Pod&object=a/b", 400, "allowed are Secret, RegionPriority, GatewayPeer, Ingress"),
            ("kind=Ingress", 400, "object: is missing beside kind"),
            ("objekt=ns/web", 400, "unknown field `objekt`"),
            ("object=ns/none", 404, "knows no Ingress ns/none"),
            ("kind=GatewayPeer&object=sz", 404, "knows no GatewayPeer sz"),
        ] {
            let (got, text) = get(&admin, &format!("/debug/placement?{query}")).await;
            assert!(got == status && text.contains(says), "{query}: {got} {text}");
        }
    }
}
