//! TLS at the front door: each host its certificate, from configs, files and Secrets, exchanged while it serves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use region_gateway::config::KeyPair;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::api_server::{ApiServer, kubeconfig};
use crate::support::client::{collect, get, http1};
use crate::support::program::{PATIENCE, Program};
use crate::support::tls::Issuer;
use crate::support::wire::Wire;
use crate::support::{Backend, HOST, World, backend, change, eventually, one_route};

const OTHER: &str = "other.example";

/// The serial number of the certificate that a client gets who asks for `host`.
async fn presented(issuer: &Issuer, address: std::net::SocketAddr, host: &str) -> std::io::Result<String> {
    let stream = issuer.connect(address, host, &["h2"]).await?;
    let leaf = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    Ok(leaf.raw_serial_as_string())
}

#[tokio::test]
async fn requests_over_tls_are_https_to_backends_and_in_redirects() {
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let world = World::start(issuer.certified(one_route("first", &[backend.address]), &[HOST])).await;
    for http2 in [false, true] {
        let answer = issuer.ask(world.https(), HOST, "/api/headers", http2).await.unwrap();
        for expected in
            [&format!("host: {HOST}"), "x-forwarded-proto: https", &format!("host=\"{HOST}\";proto=https")]
        {
            assert!(answer.body().contains(expected), "{expected} is not in {}", answer.body());
        }
        let answer = issuer.ask(world.https(), HOST, "/api/redirect/x", http2).await.unwrap();
        assert_eq!(answer.headers()["location"], format!("https://{HOST}/api/x?q=a%2Fb#f"));
    }
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = issuer.connect_by(&[version], world.https(), HOST, &["h2", "http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "what we like best");
    }
}

#[tokio::test]
async fn who_has_no_certificate_gets_the_default_one_or_is_refused_and_counted() {
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let world = World::start(issuer.certified(one_route("first", &[backend.address]), &[HOST])).await;
    let error = issuer.connect(world.https(), OTHER, &["h2"]).await.unwrap_err();
    assert!(error.to_string().contains("alert"), "{error}");
    let metrics = http1(world.admin(), get("/metrics")).await.into_body();
    for expected in [
        "spillway_gateway_tls_handshakes_failed_total 1",
        "spillway_gateway_tls_handshakes_without_certificate_total 1",
        "spillway_gateway_certificate_expiry_timestamp_seconds{certificate=\"portal.gov-prod.cn\"} ",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in {metrics}");
    }
    change(&world.config, |config| {
        config.certificates.pairs.insert("rest".to_owned(), Arc::new(issuer.issue(&[OTHER])));
        config.certificates.default = Some("rest".to_owned());
    });
    let asked = || async { issuer.ask(world.https(), OTHER, "/api/x", true).await.map(|it| it.status()) };
    let served = |seen: &std::io::Result<StatusCode>| matches!(seen, Ok(StatusCode::NOT_FOUND));
    eventually("the default certificate", PATIENCE, asked, served).await.unwrap();
}

/// The connection that is open goes on; the next one gets the new certificate.
#[tokio::test]
async fn certificates_are_exchanged_while_connections_live() {
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let world = World::start(issuer.certified(one_route("first", &[backend.address]), &[HOST])).await;
    let stream = issuer.connect(world.https(), HOST, &["http/1.1"]).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let before = presented(&issuer, world.https(), HOST).await.unwrap();
    change(&world.config, |config| config.certificates = issuer.certificates(&[HOST]));
    let now = || async { presented(&issuer, world.https(), HOST).await.unwrap() };
    eventually("another certificate", PATIENCE, now, |now| *now != before).await;
    for _ in 0..2 {
        let answer = collect(sender.send_request(get("/api/x")).await.unwrap()).await;
        assert_eq!(answer.body(), "here");
    }
}

#[tokio::test]
async fn who_agrees_on_http2_and_speaks_something_else_is_let_go() {
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let world = World::start(issuer.certified(one_route("first", &[backend.address]), &[HOST])).await;
    let mut wire = Wire::over(issuer.connect(world.https(), HOST, &["h2"]).await.unwrap());
    wire.send(format!("GET /api/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(!wire.rest().await.contains("HTTP/1.1"), "HTTP/1.1 is read by its guard only");
    assert_eq!(backend.served(), 0);
}

#[tokio::test]
async fn clients_without_tls_are_sent_to_https_where_that_is_asked_for() {
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let mut config = issuer.certified(one_route("first", &[backend.address]), &[HOST]);
    let mut routes = config.routes.routes().to_vec();
    for route in &mut routes {
        route.https_redirect = true;
    }
    config.routes = routes.into();
    let world = World::start(config).await;
    for (host, target) in [(HOST.to_owned(), "/api/x?a=b%2F"), (format!("{HOST}:8080"), "/api//x")] {
        let request = Request::post(target).header("host", host).body(Full::<Bytes>::default()).unwrap();
        let answer = http1(world.http(), request).await;
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(answer.headers()["location"], format!("https://{HOST}{target}"));
    }
    assert_eq!(issuer.ask(world.https(), HOST, "/api/x", true).await.unwrap().body(), "here");
    let health = http1(world.http(), get("/.well-known/spillway/healthz")).await;
    assert_eq!(health.status(), StatusCode::OK, "probes are not sent anywhere");
}

#[tokio::test]
async fn a_file_names_certificates_that_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let write = |pair: &KeyPair| {
        std::fs::write(directory.path().join("tls.key"), &pair.key_pem).unwrap();
        std::fs::write(directory.path().join("tls.crt"), &pair.certificate_pem).unwrap();
    };
    write(&issuer.issue(&[HOST]));
    let https = backend::refusing();
    let text = format!(
        "LISTEN\ntls: [{{hosts: [{HOST}], certificate: tls.crt, key: tls.key}}]\n\
         backends: {{main: {{endpoints: ['{}']}}}}\nroutes: [{{name: a, host: {HOST}, backend: main}}]\n",
        backend.address
    );
    let program = Program::with_file_and_https(directory.path(), &text, https);
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(issuer.ask(https, HOST, "/api/x", true).await.unwrap().body(), "here");
    let shown = program.debug_config().await["certificates"].clone();
    assert_eq!(shown[0]["hosts"], json!([HOST]), "{shown}");
    assert!(shown[0]["notAfter"].is_string() && !shown.to_string().contains("PRIVATE"), "{shown}");
    let first = presented(&issuer, https, HOST).await.unwrap();

    std::fs::write(directory.path().join("tls.key"), "no key").unwrap();
    let refused = || async { program.debug_config().await["loaded"]["refused"]["message"].to_string() };
    eventually("refused", PATIENCE, refused, |told| told.contains("line 2: tls[0]: key: ")).await;
    assert_eq!(presented(&issuer, https, HOST).await.unwrap(), first, "the one before stays");

    write(&issuer.issue(&[HOST]));
    let now = || async { presented(&issuer, https, HOST).await.unwrap() };
    eventually("the new certificate", PATIENCE, now, |now| *now != first).await;
}

/// What the file names is mounted apart from it, and may come later.
#[tokio::test]
async fn a_certificate_that_comes_after_the_file_that_names_it_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let https = backend::refusing();
    let text = |listen: &str, tls: &str| {
        format!(
            "{listen}\ntls: [{tls}]\nbackends: {{main: {{endpoints: ['{}']}}}}\n\
             routes: [{{name: a, host: {HOST}, backend: main}}]\n",
            backend.address
        )
    };
    let program = Program::with_file_and_https(directory.path(), &text("LISTEN", ""), https);
    program.has_readiness(StatusCode::OK).await;
    let listen =
        format!("listen: {{http: '{}', https: '{https}', admin: '{}'}}", program.http, program.admin);
    let entry = format!("{{hosts: [{HOST}], certificate: late/tls.crt, key: late/tls.key}}");
    program.rewrite(directory.path(), &text(&listen, &entry));
    let refused = || async { program.debug_config().await["loaded"]["refused"].clone() };
    let told =
        eventually("refused", PATIENCE, refused, |told| told.to_string().contains("late/tls.crt")).await;

    let late = directory.path().join("late");
    std::fs::create_dir(&late).unwrap();
    let pair = issuer.issue(&[HOST]);
    std::fs::write(late.join("tls.crt"), &pair.certificate_pem).unwrap();
    let now = eventually("the key is missed", PATIENCE, refused, |now| *now != told).await;
    assert!(now.to_string().contains("late/tls.key"), "{now}");
    std::fs::write(late.join("tls.key"), &pair.key_pem).unwrap();
    eventually("taken", PATIENCE, refused, Value::is_null).await;
    assert_eq!(issuer.ask(https, HOST, "/api/x", true).await.unwrap().body(), "here");
    let lines = program.log().matches("config not taken").count();
    assert_eq!(lines, 2, "one for each fault: {}", program.log());
}

fn secret(name: &str, pair: &KeyPair) -> Value {
    let bytes = |text: &str| k8s_openapi::ByteString(text.as_bytes().to_vec());
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"namespace": "web", "name": name, "resourceVersion": "1"},
        "data": {"tls.crt": bytes(&pair.certificate_pem), "tls.key": bytes(&pair.key_pem)},
    })
}

fn objects(backend: &Backend, secrets: &[Value]) -> Value {
    let address = backend.address;
    json!({
        "ingresses": [{
            "metadata": {"namespace": "web", "name": "shop", "resourceVersion": "1"},
            "spec": {
                "tls": [{"hosts": [HOST], "secretName": "shop-tls"}, {"hosts": [OTHER], "secretName": "missing"}],
                "rules": [{"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": "shop", "port": {"number": 80}}}}]}}],
            },
        }],
        "ingressclasses": [{
            "metadata": {"name": "edge", "resourceVersion": "1",
                "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
            "spec": {"controller": "kube-federation.io/region-gateway"},
        }],
        "services": [{"metadata": {"namespace": "web", "name": "shop", "resourceVersion": "1"},
            "spec": {"ports": [{"port": 80}]}}],
        "endpointslices": [{
            "metadata": {"namespace": "web", "name": "shop-1", "resourceVersion": "1",
                "labels": {"kubernetes.io/service-name": "shop"}},
            "addressType": "IPv4", "ports": [{"port": address.port()}],
            "endpoints": [{"addresses": [address.ip()]}],
        }],
        "secrets": secrets,
    })
}

/// An Ingress of the default class, its Secret, and one that is not there; then a snapshot without an API server.
#[tokio::test]
async fn secrets_of_ingresses_are_served_followed_and_kept_in_the_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let server = ApiServer::start(objects(&backend, &[secret("shop-tls", &issuer.issue(&[HOST]))])).await;
    let https = backend::refusing();
    let flags = [format!("--https={https}")];
    let program = Program::with_flags(directory.path(), &kubeconfig(server.address), &flags);
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(issuer.ask(https, HOST, "/api/x", true).await.unwrap().body(), "here");
    let rejected = program.debug_config().await["loaded"]["rejected"].to_string();
    assert!(rejected.contains("spec.tls[1].secretName: there is no Secret web/missing"), "{rejected}");
    assert_eq!(program.metric("config_rejected").await, Some(1));
    let first = presented(&issuer, https, HOST).await.unwrap();
    let watching = || async { server.watches() };
    eventually("every kind is watched", PATIENCE, watching, |watches| *watches == 8).await;
    server.apply("secrets", secret("shop-tls", &issuer.issue(&[HOST])));
    let now = || async { presented(&issuer, https, HOST).await.unwrap() };
    let second = eventually("the new certificate", PATIENCE, now, |now| *now != first).await;
    drop(program);

    let written = || async { std::fs::read_to_string(directory.path().join("config.json")).unwrap() };
    let _ = eventually("a snapshot", PATIENCE, written, |text| text.contains("web/shop-tls")).await;
    let gone = kubeconfig(backend::refusing());
    let program = Program::with_flags(directory.path(), &gone, &flags);
    program.has_readiness(StatusCode::OK).await;
    let _ = second;
    assert_eq!(issuer.ask(https, HOST, "/api/x", false).await.unwrap().body(), "here");
}

#[tokio::test]
async fn a_gateway_that_may_not_read_secrets_serves_without_them_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let mut held = objects(&backend, &[]);
    held["noSecrets"] = json!([]);
    let server = ApiServer::start(held).await;
    let flags = [format!("--https={}", backend::refusing())];
    let program = Program::with_flags(directory.path(), &kubeconfig(server.address), &flags);
    program.has_readiness(StatusCode::OK).await;
    assert_eq!(http1(program.http, get("/api/x")).await.body(), "here");
    let told = || async { program.debug_config().await["loaded"]["rejected"].to_string() };
    let named = |told: &String| told.contains("may the gateway list them?");
    eventually("a word about Secrets", Duration::from_secs(5), told, named).await;
}

#[tokio::test]
async fn a_namespace_that_may_no_longer_be_read_keeps_its_certificate_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (issuer, backend) = (Issuer::new(), Backend::start("here").await);
    let mut held = objects(&backend, &[secret("shop-tls", &issuer.issue(&[HOST]))]);
    let https = backend::refusing();
    let flags = [format!("--https={https}"), "--tls-secret-namespaces=web,ops".to_owned()];
    let server = ApiServer::start(held.clone()).await;
    let program = Program::with_flags(directory.path(), &kubeconfig(server.address), &flags);
    let written =
        || async { std::fs::read_to_string(directory.path().join("config.json")).unwrap_or_default() };
    let _ = eventually("a snapshot", PATIENCE, written, |text| text.contains("web/shop-tls")).await;
    drop(program);

    held["noSecrets"] = json!(["web"]);
    let server = ApiServer::start(held).await;
    let program = Program::with_flags(directory.path(), &kubeconfig(server.address), &flags);
    let source = || async {
        program.has_readiness(StatusCode::OK).await;
        program.debug_config().await["loaded"]["source"].to_string()
    };
    eventually("what the server says", PATIENCE, source, |source| source.contains("API server")).await;
    assert_eq!(issuer.ask(https, HOST, "/api/x", true).await.unwrap().body(), "here");
    let certificates = program.debug_config().await["certificates"].to_string();
    assert!(certificates.contains("web/shop-tls"), "{certificates}");
}
