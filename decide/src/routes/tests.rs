//! Ingress v1's own examples of matching, conflicts, and the table against a plain walk over all routes.

use proptest::prelude::*;

use super::*;

fn path(path: &str, path_type: PathType, service: &str) -> IngressPath {
    IngressPath {
        path: Some(path.to_owned()),
        path_type,
        service: service.to_owned(),
        port: PortRef::Number(80),
    }
}

fn ingress(name: &str, host: Option<&str>, paths: Vec<IngressPath>) -> Ingress {
    Ingress {
        namespace: "default".into(),
        name: name.into(),
        rules: vec![IngressRule { host: host.map(str::to_owned), paths }],
        ..Ingress::default()
    }
}

fn service<'a>(table: &'a RouteTable, host: &str, path: &str) -> Option<&'a str> {
    table.lookup(host, path).map(|route| route.backend.service.as_str())
}

/// The examples of the Kubernetes documentation: kind, paths of the rule, request path, does it match.
#[test]
fn paths_match_as_kubernetes_says() {
    use PathType::{Exact, ImplementationSpecific, Prefix};
    for (kind, rule, request, matches) in [
        (Prefix, "/", "/anything", true),
        (Exact, "/foo", "/foo", true),
        (Exact, "/foo", "/bar", false),
        (Exact, "/foo", "/foo/", false),
        (Exact, "/foo/", "/foo", false),
        (Prefix, "/foo", "/foo", true),
        (Prefix, "/foo", "/foo/", true),
        (Prefix, "/foo/", "/foo", true),
        (Prefix, "/foo/", "/foo/", true),
        (Prefix, "/aaa/bb", "/aaa/bbb", false),
        (Prefix, "/aaa/bbb", "/aaa/bbb", true),
        (Prefix, "/aaa/bbb/", "/aaa/bbb", true),
        (Prefix, "/aaa/bbb", "/aaa/bbb/", true),
        (Prefix, "/aaa/bbb", "/aaa/bbb/ccc", true),
        (Prefix, "/aaa/bbb", "/aaa/bbbxyz", false),
        (Prefix, "/aaa", "/Aaa", false),
        (ImplementationSpecific, "/api", "/api/v1", true),
        (ImplementationSpecific, "/api", "/apiv1", false),
    ] {
        let (table, rejections) = compile(vec![ingress("a", Some("h.example"), vec![path(rule, kind, "s")])]);
        assert_eq!(rejections, []);
        assert_eq!(
            table.lookup("h.example", request).is_some(),
            matches,
            "{kind:?} {rule} against {request}"
        );
    }
}

#[test]
fn the_more_specific_wins() {
    let (table, _) = compile(vec![
        ingress("any", None, vec![path("/", PathType::Prefix, "any")]),
        ingress("wild", Some("*.example.com"), vec![path("/", PathType::Prefix, "wild")]),
        ingress(
            "exact",
            Some("a.example.com"),
            vec![
                path("/x", PathType::Prefix, "x"),
                path("/x/y", PathType::Prefix, "xy"),
                path("/x/y", PathType::Exact, "exact"),
            ],
        ),
    ]);
    for (host, path, expected) in [
        ("a.example.com", "/x/y", "exact"),
        ("a.example.com", "/x/y/z", "xy"),
        ("a.example.com", "/x/z", "x"),
        ("a.example.com", "/other", "wild"),
        ("b.example.com", "/x/y", "wild"),
        ("c.b.example.com", "/", "any"),
        ("example.com", "/", "any"),
        ("A.Example.Com.:8080", "/x", "x"),
        ("[::1]:80", "/", "any"),
    ] {
        assert_eq!(service(&table, host, path), Some(expected), "{host}{path}");
    }
}

#[test]
fn the_older_ingress_keeps_what_it_has() {
    let mut young = ingress("a-young", Some("h.example"), vec![path("/", PathType::Prefix, "young")]);
    young.created = 2;
    let mut old = ingress("b-old", Some("h.example"), vec![path("/", PathType::Prefix, "old")]);
    old.created = 1;
    let (table, rejections) = compile(vec![young, old]);
    assert_eq!(service(&table, "h.example", "/"), Some("old"));
    assert_eq!(rejections.len(), 1);
    assert_eq!(rejections[0].ingress, "default/a-young");
    assert!(rejections[0].message.contains("default/b-old"), "{}", rejections[0].message);
}

#[test]
fn a_host_belongs_to_the_namespace_that_claimed_it_first() {
    let claim = |namespace: &str, created: i64, host: Option<&str>, text: &str| {
        let mut claim = ingress(&format!("i{created}"), host, vec![path(text, PathType::Prefix, namespace)]);
        (claim.namespace, claim.created) = (namespace.into(), created);
        claim
    };
    let (table, rejections) = compile(vec![
        claim("thief", 2, Some("h.example"), "/login"),
        claim("owner", 1, Some("h.example"), "/"),
        claim("owner", 3, Some("h.example"), "/api"),
        claim("thief", 4, Some("*.h.example"), "/"),
        claim("owner", 5, Some("*.h.example"), "/x"),
        claim("owner", 6, None, "/any"),
        claim("thief", 7, None, "/other"),
    ]);
    for (host, path, expected) in [
        ("h.example", "/login", Some("owner")),
        ("h.example", "/api", Some("owner")),
        ("a.h.example", "/x", Some("thief")),
        ("else.example", "/any", Some("owner")),
        ("else.example", "/other", Some("thief")),
    ] {
        assert_eq!(service(&table, host, path), expected, "{host}{path}");
    }
    let told: Vec<_> = rejections.iter().map(|one| (one.ingress.as_str(), one.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                "thief/i2",
                "rules.host \"h.example\" belongs to the namespace owner by the older ingress owner/i1"
            ),
            (
                "owner/i5",
                "rules.host \"*.h.example\" belongs to the namespace thief by the older ingress thief/i4"
            ),
        ]
    );
}

#[test]
fn ten_thousand_routes_compile_and_each_is_found() {
    let ingresses = (0..10_000).map(|n| {
        let host = format!("h{}.example", n % 100);
        ingress(
            &format!("i{n}"),
            Some(&host),
            vec![path(&format!("/p/{n}"), PathType::Prefix, &format!("s{n}"))],
        )
    });
    let (table, rejections) = compile(ingresses.collect());
    assert_eq!(rejections, []);
    for n in 0..10_000 {
        let (host, path) = (format!("h{}.example", n % 100), format!("/p/{n}/x"));
        assert_eq!(service(&table, &host, &path), Some(format!("s{n}").as_str()));
    }
}

#[test]
fn one_bad_entry_costs_only_itself() {
    let mut bad = ingress("a", Some("a.*.example"), vec![path("/", PathType::Prefix, "s")]);
    bad.rules.push(IngressRule {
        host: Some("h.example".into()),
        paths: vec![path("no-slash", PathType::Prefix, "s"), path("/ok", PathType::Prefix, "ok")],
    });
    bad.redirect_aliases = vec!["not a host".into(), "portal.sz.example".into()];
    let (table, rejections) = compile(vec![bad]);
    let fields = ["redirect-aliases", "rules.host", "rules.http.paths.path"];
    assert_eq!(rejections.len(), fields.len(), "{rejections:?}");
    for (rejection, field) in rejections.iter().zip(fields) {
        assert!(rejection.message.starts_with(field), "{}", rejection.message);
    }
    let route = table.lookup("h.example", "/ok").unwrap();
    assert!(route.aliases.contains(&crate::redirects::Host::name("portal.sz.example"), 443));
}

#[test]
fn the_default_backend_takes_the_rest() {
    let mut with_default = ingress("a", Some("h.example"), vec![path("/x", PathType::Prefix, "x")]);
    with_default.default_backend = Some(("rest".into(), PortRef::Name("http".into())));
    let (table, _) = compile(vec![with_default]);
    assert_eq!(service(&table, "h.example", "/y"), Some("rest"));
    assert_eq!(service(&table, "other.example", "/"), Some("rest"));
    assert!(table.of_host("other.example").next().is_none(), "DNS does not answer for every host there is");
}

#[test]
fn tables_and_backends_survive_json() {
    let (table, _) = compile(vec![ingress("a", Some("*.h.example"), vec![path("/x", PathType::Exact, "x")])]);
    let restored: RouteTable = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(restored, table);
    assert_eq!(service(&restored, "a.h.example", "/x"), Some("x"));
    for text in ["ns/svc:8080", "ns/svc:http"] {
        assert_eq!(BackendRef::try_from(text.to_owned()).unwrap().to_string(), text);
    }
    assert!(BackendRef::try_from("ns/svc".to_owned()).is_err());
}

/// What the index must equal: every route looked at, the best taken.
fn walk<'a>(table: &'a RouteTable, host: &str, path: &str) -> Option<&'a Route> {
    let host_rank = |route: &Route| match &route.host {
        HostPattern::Exact(name) => (name == host).then_some(2),
        HostPattern::Wildcard(suffix) => {
            let label = host.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
            (!label.is_empty() && !label.contains('.')).then_some(1)
        }
        HostPattern::Any => Some(0),
    };
    let path_rank = |route: &Route| match &route.path {
        PathPattern::Exact(exact) => (exact == path).then_some(usize::MAX),
        PathPattern::Prefix(prefix) => {
            let rest = path.strip_prefix(prefix.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some(prefix.len())
        }
        PathPattern::Default => None,
    };
    let ranked =
        table.routes().iter().filter_map(|route| Some(((host_rank(route)?, path_rank(route)?), route)));
    ranked.max_by_key(|(rank, _)| *rank).map(|(_, route)| route)
}

fn some_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["", "a", "b", "ab"]), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn some_host() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["x.example", "y.example", "z.x.example", "example", "other"])
}

proptest! {
    #[test]
    fn the_index_finds_what_a_walk_finds(
        rules in prop::collection::vec(
            (prop::option::of(prop::sample::select(vec!["x.example", "*.example", "*.x.example"])), some_path(), any::<bool>()),
            0..12,
        ),
        host in some_host(),
        request in some_path(),
    ) {
        let ingresses = rules.iter().enumerate().map(|(n, (host, text, exact))| {
            let kind = if *exact { PathType::Exact } else { PathType::Prefix };
            ingress(&format!("i{n}"), *host, vec![path(text, kind, &format!("s{n}"))])
        });
        let (table, _) = compile(ingresses.collect());
        prop_assert_eq!(
            table.lookup(host, &request).map(|route| &route.id),
            walk(&table, host, &request).map(|route| &route.id)
        );
    }
}
