use super::*;
use crate::metrics::Metrics;
use spillway_decide::routes::{Ingress as Source, IngressPath, IngressRule, PathType, PortRef, compile};

/// An Ingress `ns/<name>` with the path `/` of the host `<name>` for each.
fn config(names: &[&str]) -> Config {
    let ingress = |name: &&str| Source {
        namespace: "ns".into(),
        name: (*name).into(),
        rules: vec![IngressRule {
            host: Some((*name).into()),
            paths: vec![IngressPath {
                path: None,
                path_type: PathType::Prefix,
                service: "main".into(),
                port: PortRef::Number(80),
            }],
        }],
        ..Source::default()
    };
    let (routes, rejections) = compile(names.iter().map(ingress).collect());
    assert_eq!(rejections, []);
    Config { generation: 1, routes, ..Config::empty("here", "here-1") }
}

fn ask(metrics: &Metrics, config: &Config, host: &str, status: u16, served: Served, region: &str) {
    let route = config.routes.lookup(host, "/").map(|route| metrics.route(config, route));
    let (status, latency) = (StatusCode::from_u16(status).unwrap(), Duration::from_millis(2));
    metrics.answered(route.as_deref(), Answered { status, served, region, latency });
}

fn seen(metrics: &Metrics, line: &str) -> bool {
    metrics.encode().lines().any(|seen| seen == format!("spillway_gateway_{line}"))
}

#[test]
fn a_route_is_counted_by_region_hop_and_class() {
    let (metrics, config) = (Metrics::new(), config(&["a"]));
    metrics.config(&config);
    for _ in 0..2 {
        ask(&metrics, &config, "a", 200, Served::Here, "here");
    }
    ask(&metrics, &config, "a", 503, Served::Nobody, "here");
    ask(&metrics, &config, "a", 200, Served::ByOther, "there");
    ask(&metrics, &config, "a", 204, Served::HereForOther, "here");
    ask(&metrics, &config, "unknown", 404, Served::Nobody, "here");
    let route = "ingress=\"ns/a\",route=\"a/\"";
    for line in [
        format!("route_requests_total{{{route},region=\"here\",hop=\"local\",code_class=\"2xx\"}} 2"),
        format!("route_requests_total{{{route},region=\"here\",hop=\"local\",code_class=\"5xx\"}} 1"),
        format!("route_requests_total{{{route},region=\"there\",hop=\"spill\",code_class=\"2xx\"}} 1"),
        format!("route_requests_total{{{route},region=\"here\",hop=\"spill\",code_class=\"2xx\"}} 1"),
        format!(
            "route_request_duration_seconds_bucket{{le=\"0.005\",{route},region=\"here\",hop=\"local\"}} 3"
        ),
        format!(
            "route_request_duration_seconds_bucket{{le=\"0.001\",{route},region=\"here\",hop=\"local\"}} 0"
        ),
        "requests_total{ingress=\"ns/a\",code=\"200\",served=\"here\"} 2".to_owned(),
        "requests_total{ingress=\"\",code=\"404\",served=\"nobody\"} 1".to_owned(),
    ] {
        assert!(seen(&metrics, &line), "{line} is not in\n{}", metrics.encode());
    }
}

#[test]
fn the_number_of_routes_has_a_bound_and_places_are_given_back() {
    let metrics = Metrics::with_routes(2);
    let three = config(&["a", "b", "c"]);
    metrics.config(&three);
    for host in ["a", "b", "c"] {
        ask(&metrics, &three, host, 200, Served::Here, "here");
    }
    let line = |ingress: &str, route: &str| {
        format!(
            "route_requests_total{{ingress=\"{ingress}\",route=\"{route}\",region=\"here\",hop=\"local\",\
             code_class=\"2xx\"}} 1"
        )
    };
    assert!(seen(&metrics, &line("ns/a", "a/")) && seen(&metrics, &line("ns/b", "b/")));
    assert!(seen(&metrics, &line("other", "other")), "{}", metrics.encode());

    let others = config(&["b", "c"]);
    metrics.config(&others);
    assert!(!metrics.encode().contains("ns/a"), "what is gone is not shown: {}", metrics.encode());
    assert!(seen(&metrics, &line("ns/b", "b/")), "what stays keeps its counts");
    ask(&metrics, &others, "c", 200, Served::Here, "here");
    assert!(seen(&metrics, &line("ns/c", "c/")), "its place is free: {}", metrics.encode());
}

#[test]
fn a_request_that_was_looked_up_in_another_config_is_counted_by_name() {
    let metrics = Metrics::new();
    metrics.config(&config(&["a", "b"]));
    let swapped = config(&["b"]);
    ask(&metrics, &swapped, "b", 200, Served::Here, "here");
    assert!(seen(&metrics, "requests_total{ingress=\"ns/b\",code=\"200\",served=\"here\"} 1"));
    let unknown = config(&["z"]);
    ask(&metrics, &unknown, "z", 200, Served::Here, "here");
    assert!(seen(&metrics, "requests_total{ingress=\"other\",code=\"200\",served=\"here\"} 1"));
}
