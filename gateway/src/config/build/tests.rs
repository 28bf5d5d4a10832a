//! Objects as an API server gives them, and what becomes of them.

use k8s_openapi::ByteString;
use serde_json::json;
use spillway_decide::redirects::Host;
use spillway_decide::routes::{LimitedTo, Policy, SpillPolicy};

use super::*;
use crate::config::Protocol;

fn object<K: serde::de::DeserializeOwned>(value: serde_json::Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn ingress(class: &str, port: &serde_json::Value) -> Arc<Ingress> {
    object(json!({
        "metadata": {"namespace": "web", "name": "gov-portal", "annotations": {
            "kube-federation.io/priority": "sz-cd-bj",
            "kube-federation.io/redirect-aliases": "http://portal.sz.example:8080, portal.cd.example",
            "kube-federation.io/probe-path": "/api/ping",
            "kube-federation.io/probe-host": "ping.gov-prod.cn",
            "kube-federation.io/spill": "SafeMethods",
            "kube-federation.io/rewrite-links": "true",
        }},
        "spec": {"ingressClassName": class, "rules": [{"host": "portal.gov-prod.cn", "http": {"paths": [
            {"path": "/api/", "pathType": "Prefix", "backend": {"service": {"name": "api-gateway", "port": port}}},
        ]}}]},
    }))
}

fn objects() -> Objects {
    Objects {
        ingresses: vec![
            ingress("spillway", &json!({"number": 8080})),
            ingress("nginx", &json!({"number": 1})),
        ],
        services: vec![object(json!({
            "metadata": {"namespace": "web", "name": "api-gateway"},
            "spec": {"clusterIPs": ["10.8.0.7"], "ports": [
                {"name": "http", "port": 8080, "targetPort": 3000}, {"name": "admin", "port": 9090},
            ]},
        }))],
        slices: vec![object(json!({
            "addressType": "IPv4",
            "metadata": {"namespace": "web", "name": "s1", "labels": {"kubernetes.io/service-name": "api-gateway"}},
            "ports": [{"name": "http", "port": 3000}, {"name": "admin", "port": 3001}],
            "endpoints": [
                {"addresses": ["10.0.0.2"]},
                {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": false}},
                {"addresses": ["10.0.0.4"], "conditions": {"ready": false, "serving": true, "terminating": true}},
                {"addresses": ["10.0.0.5"], "conditions": {"ready": false, "serving": false, "terminating": true}},
            ],
        }))],
        ..Objects::default()
    }
}

fn previous() -> Config {
    Config { generation: 3, ..Config::empty("shenzhen", "sz-1") }
}

#[test]
fn only_our_class_is_served_with_what_its_annotations_say() {
    let (config, rejections) = build(&objects(), &previous());
    assert_eq!(rejections, []);
    assert_eq!((config.generation, config.identity.region.as_str()), (4, "shenzhen"));
    let [route] = config.routes.routes() else { panic!("{:?}", config.routes) };
    assert_eq!(route.priority.as_deref(), Some("sz-cd-bj"));
    assert_eq!(route.spill, SpillPolicy::SafeMethods);
    assert!(route.rewrite_links);
    let probe = route.probe.as_ref().unwrap();
    assert_eq!((probe.path.as_str(), probe.host.as_deref()), ("/api/ping", Some("ping.gov-prod.cn")));
    assert!(route.aliases.contains(&Host::name("portal.sz.example"), 8080));
    assert!(route.aliases.contains(&Host::name("portal.cd.example"), 443));
    assert!(!route.aliases.contains(&Host::name("portal.sz.example"), 80));
}

#[test]
fn endpoints_are_told_apart_and_backends_know_their_names() {
    for port in [json!({"number": 8080}), json!({"name": "http"})] {
        let mut objects = objects();
        objects.ingresses = vec![ingress("spillway", &port)];
        let (config, _) = build(&objects, &previous());
        let backend = &config.backends[&config.routes.routes()[0].backend];
        assert_eq!(backend.ready, ["10.0.0.1:3000".parse().unwrap(), "10.0.0.2:3000".parse().unwrap()]);
        assert_eq!(backend.terminating, ["10.0.0.4:3000".parse().unwrap()]);
        for (host, port, known) in [
            ("api-gateway.web.svc.cluster.local", 8080, true),
            ("api-gateway.web.svc", 8080, true),
            ("api-gateway.web", 9090, true),
            ("api-gateway.web", 80, false),
            ("api-gateway", 8080, false),
            ("10.8.0.7", 8080, true),
            ("10.0.0.1", 3000, true),
            ("10.0.0.3", 3000, false),
        ] {
            assert_eq!(backend.aliases.contains(&Host::name(host), port), known, "{host}:{port}");
        }
    }
}

#[test]
fn what_is_asked_for_requests_is_read() {
    let mut objects = objects();
    let annotated: Arc<Ingress> = object(json!({
        "metadata": {"namespace": "web", "name": "b", "annotations": {
            "kube-federation.io/connect-timeout-milliseconds": "250",
            "kube-federation.io/response-timeout-milliseconds": "2500",
            "kube-federation.io/idle-timeout-milliseconds": "9000",
            "kube-federation.io/retries": "2",
            "kube-federation.io/retry-on-status": "502, 503",
            "kube-federation.io/slow-start-seconds": "5",
            "kube-federation.io/affinity-cookie": "shop_at",
            "kube-federation.io/concurrency-limit": "All",
            "kube-federation.io/max-body-bytes": "1000",
        }},
        "spec": {"ingressClassName": "spillway", "rules": [{"host": "b.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "api-gateway", "port": {"number": 8080}}}},
        ]}}]},
    }));
    objects.ingresses = vec![annotated];
    let (config, rejections) = build(&objects, &previous());
    assert_eq!(rejections, []);
    let route = &config.routes.routes()[0];
    let policy = Policy {
        connect_timeout_milliseconds: 250,
        response_timeout_milliseconds: 2500,
        idle_timeout_milliseconds: Some(9000),
        retries: 2,
        retry_on_status: vec![502, 503],
        slow_start_seconds: 5,
        affinity_cookie: Some("shop_at".into()),
        concurrency_limit: LimitedTo::All,
    };
    assert_eq!((&route.policy, route.max_body_bytes), (&policy, Some(1000)));
    let defaults = Policy::default();
    for key in spillway_crds::names::annotations::POLICY {
        let name = key.strip_prefix("kube-federation.io/").unwrap();
        assert!(defaults.clone().set(name, "").is_some(), "{key} is a name that nobody reads");
    }
}

#[test]
fn the_protocol_is_the_ports_or_the_slices() {
    for (service, slice, expected) in [
        (None, None, Protocol::Http1),
        (Some("kubernetes.io/h2c"), None, Protocol::H2c),
        (Some("grpc"), None, Protocol::H2c),
        (Some("http"), Some("kubernetes.io/h2c"), Protocol::Http1),
        (None, Some("kubernetes.io/h2c"), Protocol::H2c),
        (Some("kubernetes.io/ws"), None, Protocol::Http1),
    ] {
        let mut objects = objects();
        let mut described = (*objects.services[0]).clone();
        described.spec.as_mut().unwrap().ports.as_mut().unwrap()[0].app_protocol = service.map(Into::into);
        let mut found = (*objects.slices[0]).clone();
        found.ports.as_mut().unwrap()[0].app_protocol = slice.map(Into::into);
        (objects.services, objects.slices) = (vec![Arc::new(described)], vec![Arc::new(found)]);
        let (config, _) = build(&objects, &previous());
        let backend = &config.backends[&config.routes.routes()[0].backend];
        assert_eq!(backend.protocol, expected, "{service:?} {slice:?}");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let mut objects = objects();
    objects.ingresses = vec![
        ingress("spillway", &json!({})),
        object(json!({
            "metadata": {"namespace": "web", "name": "b", "annotations": {
                "kube-federation.io/spill": "Sometimes", "kube-federation.io/rewrite-links": "yes",
            }},
            "spec": {"ingressClassName": "spillway", "defaultBackend": {"resource": {"kind": "Bucket", "name": "x"}}},
        })),
    ];
    let (config, rejections) = build(&objects, &previous());
    assert!(config.routes.is_empty());
    let messages: Vec<_> = rejections.iter().map(|rejection| rejection.message.as_str()).collect();
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert!(messages[0].starts_with("backend.service.port of api-gateway"), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("\"Sometimes\"")), "{messages:?}");
    assert!(
        messages.iter().any(|message| message.contains("\"yes\" is neither true nor false")),
        "{messages:?}"
    );
    assert!(messages.iter().any(|message| message.starts_with("backend.resource")), "{messages:?}");
}

#[test]
fn credentials_outlive_a_secret_that_is_gone_or_broken() {
    let known = Arc::new(super::super::Credentials {
        certificate_pem: "c".into(),
        key_pem: "k".into(),
        authorities_pem: "a".into(),
    });
    let previous = Config { credentials: Some(Arc::clone(&known)), ..previous() };
    let broken = Secret {
        data: Some([("tls.crt".to_owned(), ByteString(b"nonsense".to_vec()))].into()),
        ..Secret::default()
    };
    for (identity, complaints) in [(None, 0), (Some(Arc::new(broken)), 1)] {
        let (config, rejections) = build(&Objects { identity, ..Objects::default() }, &previous);
        assert_eq!(config.credentials.as_ref(), Some(&known));
        assert_eq!(rejections.len(), complaints, "{rejections:?}");
    }
}

/// An identity Secret, and the PEM texts in it.
fn identity_secret(uri: &str) -> Secret {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
    let pem = params.self_signed(&key).unwrap().pem();
    let data = [("tls.crt", pem.clone()), ("tls.key", key.serialize_pem()), ("ca.crt", pem)];
    let data = data.map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes())));
    Secret { data: Some(data.into()), ..Secret::default() }
}

#[test]
fn a_secret_takes_the_place_of_another_only_if_it_can_be_used() {
    let good = identity_secret("spiffe://fed/region/shenzhen/member/sz-1");
    let build_with = |secret: &Secret| {
        build(&Objects { identity: Some(Arc::new(secret.clone())), ..Objects::default() }, &previous())
    };
    let (config, rejections) = build_with(&good);
    assert!(config.credentials.is_some() && rejections.is_empty(), "{rejections:?}");
    assert_eq!(config.identity.federation, "fed");

    let other = identity_secret("spiffe://fed/region/shenzhen/member/sz-1");
    let with = |field: &str, value: &[u8]| {
        let mut secret = good.clone();
        secret.data.as_mut().unwrap().insert(field.to_owned(), ByteString(value.to_vec()));
        secret
    };
    for (what, secret) in [
        ("identity Secret: tls.key", with("tls.key", b"nonsense")),
        ("identity Secret: ca.crt", with("ca.crt", b"nonsense")),
        ("cannot be used", with("tls.key", &other.data.unwrap()["tls.key"].0)),
        ("issued to", identity_secret("spiffe://fed/region/chengdu/member/sz-1")),
        ("issued to", identity_secret("spiffe://fed/region/shenzhen/member/sz-2")),
    ] {
        let (config, rejections) = build_with(&secret);
        assert!(config.credentials.is_none(), "{what}");
        assert!(rejections[0].message.contains(what), "{what}: {rejections:?}");
    }
}

#[test]
fn the_order_of_objects_changes_nothing() {
    let forward = objects();
    let mut backward = forward.clone();
    backward.ingresses.reverse();
    backward.services.reverse();
    assert_eq!(build(&forward, &previous()), build(&backward, &previous()));
}
