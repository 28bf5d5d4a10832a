//! What Ingresses ask for, and what of it is served.

use rcgen::{CertificateParams, KeyPair as Key};
use serde_json::{Value, json};
use spillway_decide::routes::compile;

use super::super::ingress;
use super::*;

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn pair() -> (String, String) {
    let key = Key::generate().unwrap();
    (CertificateParams::default().self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn secret(name: &str, (certificate, key): &(String, String)) -> Arc<Secret> {
    let (namespace, name) = name.split_once('/').unwrap();
    let bytes = |text: &str| k8s_openapi::ByteString(text.as_bytes().to_vec());
    let mut secret: Secret = object(json!({"metadata": {"namespace": namespace, "name": name}}));
    secret.data = Some([(TLS_CRT.to_owned(), bytes(certificate)), (TLS_KEY.to_owned(), bytes(key))].into());
    Arc::new(secret)
}

/// An Ingress in `namespace` that takes `host` and asks for TLS as `tls` says; `age` orders them.
fn asks(namespace: &str, age: u32, host: &str, tls: &Value) -> Ingress {
    object(json!({
        "metadata": {"namespace": namespace, "name": "web", "creationTimestamp": format!("2026-01-{age:02}T00:00:00Z")},
        "spec": {"ingressClassName": "spillway", "tls": tls, "rules": [{"host": host, "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        ]}}]},
    }))
}

fn read(
    ingresses: &[Ingress],
    secrets: Option<&[Arc<Secret>]>,
    default: Option<&str>,
    previous: &Certificates,
) -> (Certificates, Vec<String>) {
    read_where(ingresses, (secrets, &BTreeSet::new()), default, previous)
}

fn read_where(
    ingresses: &[Ingress],
    (secrets, unread): (Option<&[Arc<Secret>]>, &BTreeSet<String>),
    default: Option<&str>,
    previous: &Certificates,
) -> (Certificates, Vec<String>) {
    let compiled = ingresses.iter().map(|object| ingress::read(object, &mut Vec::new())).collect();
    let (routes, _) = compile(compiled);
    let mut rejections = Vec::new();
    let sources = Sources { secrets, unread, default, routes: &routes, previous };
    let found = sources.read(ingresses.iter().collect(), &mut rejections);
    (found, rejections.into_iter().map(|it| format!("{}: {}", it.ingress, it.message)).collect())
}

fn named(found: &Certificates) -> Vec<(&str, &str)> {
    found.hosts.iter().map(|(host, name)| (host.as_str(), name.as_str())).collect()
}

#[test]
fn each_host_gets_what_its_ingress_names() {
    let secrets = [secret("a/one", &pair()), secret("a/two", &pair()), secret("a/unused", &pair())];
    let tls =
        json!([{"hosts": ["One.example", "*.one.example"], "secretName": "one"}, {"secretName": "two"}]);
    let (found, told) =
        read(&[asks("a", 1, "two.example", &tls)], Some(&secrets), Some("a/one"), &Certificates::default());
    assert_eq!(told, [""; 0]);
    assert_eq!(
        named(&found),
        [("*.one.example", "a/one"), ("one.example", "a/one"), ("two.example", "a/two")]
    );
    assert_eq!(found.default.as_deref(), Some("a/one"));
    assert_eq!(found.pairs.keys().collect::<Vec<_>>(), ["a/one", "a/two"], "only what is named is taken");
}

#[test]
fn what_cannot_be_served_is_told_and_costs_only_itself() {
    let (good, other) = (pair(), pair());
    let secrets = [
        secret("a/good", &good),
        secret("a/mixed", &(good.0.clone(), other.1.clone())),
        secret("a/none", &(String::new(), good.1.clone())),
        secret("b/theirs", &other),
    ];
    let tls = json!([
        {"hosts": ["good.example"], "secretName": "good"},
        {"hosts": ["mixed.example"], "secretName": "mixed"},
        {"hosts": ["none.example"], "secretName": "none"},
        {"hosts": ["gone.example"], "secretName": "gone"},
        {"hosts": ["plain.example"]},
    ]);
    let theirs = json!([{"hosts": ["good.example", "free.example"], "secretName": "theirs"}]);
    let ingresses = [asks("b", 2, "good.example", &theirs), asks("a", 1, "good.example", &tls)];
    let (found, told) = read(&ingresses, Some(&secrets), None, &Certificates::default());
    assert_eq!(named(&found), [("free.example", "b/theirs"), ("good.example", "a/good")]);
    for (told, expected) in told.iter().zip([
        "a/web: spec.tls[1].secretName: Secret a/mixed: certificate and key cannot be used together",
        "a/web: spec.tls[2].secretName: Secret a/none: certificate: no certificate in PEM was found",
        "a/web: spec.tls[3].secretName: there is no Secret a/gone of type kubernetes.io/tls",
        "a/web: spec.tls[4].secretName is missing, and there is no default certificate",
        "b/web: spec.tls[0].hosts: \"good.example\" belongs to the namespace a",
    ]) {
        assert!(told.starts_with(expected), "{told}\nis not {expected}");
    }
    assert_eq!(told.len(), 5, "{told:?}");
}

#[test]
fn a_secret_that_becomes_bad_or_cannot_be_read_leaves_what_it_held() {
    let good = pair();
    let ingresses = [asks("a", 1, "a.example", &json!([{"hosts": ["a.example"], "secretName": "it"}]))];
    let (first, _) = read(&ingresses, Some(&[secret("a/it", &good)]), None, &Certificates::default());
    let bad = [secret("a/it", &("no PEM".to_owned(), good.1.clone()))];
    let (second, told) = read(&ingresses, Some(&bad), None, &first);
    assert_eq!(second, first);
    assert!(told[0].ends_with("the certificate before stays"), "{told:?}");
    assert_eq!(read(&ingresses, None, None, &first), (first.clone(), vec![]));
    let (gone, told) = read(&ingresses, Some(&[]), None, &first);
    assert!(gone.is_empty() && told[0].contains("there is no Secret a/it"), "{told:?}");
    let (none, told) = read(&ingresses, None, None, &Certificates::default());
    assert!(none.is_empty() && told[0].contains("may the gateway list them?"), "{told:?}");
}

#[test]
fn a_namespace_that_may_not_be_read_keeps_its_certificates_while_others_are_read() {
    let ask = |namespace: &str, age| {
        let host = format!("{namespace}.example");
        asks(namespace, age, &host, &json!([{"hosts": [host], "secretName": "it"}]))
    };
    let ingresses = [ask("a", 1), ask("b", 2), ask("c", 3)];
    let all = [secret("a/it", &pair()), secret("b/it", &pair()), secret("c/it", &pair())];
    let (first, _) = read(&ingresses, Some(&all), None, &Certificates::default());
    let unread = BTreeSet::from(["b".to_owned()]);
    let (second, told) = read_where(&ingresses, (Some(&all[..1]), &unread), None, &first);
    assert_eq!(named(&second), [("a.example", "a/it"), ("b.example", "b/it")], "what is read counts");
    assert_eq!(second.pairs.get("b/it"), first.pairs.get("b/it"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("there is no Secret c/it"), "{told:?}");
    let (fresh, told) = read_where(&ingresses, (Some(&all[..1]), &unread), None, &Certificates::default());
    assert_eq!(named(&fresh), [("a.example", "a/it")]);
    assert!(told[0].contains("Secret b/it: Secrets of type kubernetes.io/tls cannot be read"), "{told:?}");
}
