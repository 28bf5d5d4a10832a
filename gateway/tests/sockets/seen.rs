//! What is told about requests: lines of the access log by the running program, and spans of one trace from two
//! regions at a receiver that decodes them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use region_gateway::seen::Observability;
use serde_json::Value;
use spillway_decide::{Intent, Peer, Priority, PriorityRegion};
use tokio::net::TcpListener;

use crate::spill::{peer, trusted};
use crate::support::client::{get, http1 as ask};
use crate::support::program::{PATIENCE, Program};
use crate::support::recorder::{Arrived, Recorder};
use crate::support::{Authority, Backend, HOST, PRIORITY, World, change, eventually, loopback, one_route};

struct Logged {
    program: Program,
    backend: Backend,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

/// The program with one route and an access log; `settings` are further fields of `observability`.
async fn logged(settings: &str) -> Logged {
    let directory = tempfile::tempdir().unwrap();
    let backend = Backend::start("here").await;
    let log = directory.path().join("access.log");
    let text = format!(
        "LISTEN\nobservability: {{accessLog: {}, {settings}}}\nbackends: {{main: {{endpoints: ['{}']}}}}\n\
         routes: [{{name: shop, host: {HOST}, path: /api/, backend: main}}]\n",
        log.display(),
        backend.address
    );
    let program = Program::with_file(directory.path(), &text);
    program.has_readiness(StatusCode::OK).await;
    Logged { program, backend, log, _directory: directory }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The line of the request for this path, once it is written.
async fn line(log: &Path, path: &str) -> Value {
    let is_it = |line: &Value| line["path"] == path;
    let seen = eventually(path, PATIENCE, || async { lines(log) }, |lines| lines.iter().any(is_it)).await;
    seen.into_iter().find(is_it).unwrap()
}

#[tokio::test]
async fn a_line_says_who_asked_for_what_and_who_answered() {
    let Logged { program, backend, log, _directory } = logged("accessLogQuery: true").await;
    let request = Request::post("/api/echo?secret=1")
        .header("host", HOST)
        .header("user-agent", "a \"client\"")
        .header("x-request-id", "r-1")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(Full::from("12345"))
        .unwrap();
    assert_eq!(ask(program.http, request).await.body(), "12345");
    let line = line(&log, "/api/echo").await;
    for (field, expected) in [
        ("method", Value::from("POST")),
        ("host", HOST.into()),
        ("query", "secret=1".into()),
        ("client", "127.0.0.1".into()),
        ("protocol", "HTTP/1.1".into()),
        ("ingress", "file/shop".into()),
        ("route", format!("{HOST}/api/").into()),
        ("status", 200.into()),
        ("hop", "local".into()),
        ("originRegion", "local".into()),
        ("servingRegion", "local".into()),
        ("backend", backend.address.to_string().into()),
        ("retries", 0.into()),
        ("bytesIn", 5.into()),
        ("bytesOut", 5.into()),
        ("userAgent", "a \"client\"".into()),
        ("requestId", "r-1".into()),
        ("traceId", "0af7651916cd43dd8448eb211c80319c".into()),
    ] {
        assert_eq!(line[field], expected, "{field} of {line}");
    }
    let (head, total) = (&line["headMicroseconds"], &line["totalMicroseconds"]);
    assert!(head.as_u64().unwrap() <= total.as_u64().unwrap(), "{line}");
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    for absent in ["reason", "retryReason", "aborted", "peer"] {
        assert!(line.get(absent).is_none(), "{absent} of {line}");
    }
}

#[tokio::test]
async fn a_line_says_why_there_was_no_answer() {
    let Logged { program, log, _directory, .. } = logged("accessLogPercent: '100'").await;
    for (path, status, reason) in [
        ("/elsewhere", 404_u16, Some("no route")),
        ("/api/cut", 502, Some("the backend did not answer")),
        ("/api/status/503", 503, None),
    ] {
        assert_eq!(ask(program.http, get(&format!("{path}?q=1"))).await.status(), status);
        let line = line(&log, path).await;
        assert_eq!(line["status"], status);
        assert_eq!(line.get("reason").and_then(Value::as_str), reason, "{line}");
        assert!(line.get("query").is_none(), "{line}");
    }
    // Health checks are no traffic.
    ask(program.http, get("/.well-known/spillway/healthz")).await;
    ask(program.http, get("/api/last")).await;
    line(&log, "/api/last").await;
    assert!(!std::fs::read_to_string(&log).unwrap().contains("healthz"));
}

#[tokio::test]
async fn a_sample_leaves_out_all_but_failures() {
    let Logged { program, log, _directory, .. } = logged("accessLogPercent: '0'").await;
    ask(program.http, get("/api/fine")).await;
    ask(program.http, get("/api/status/500")).await;
    line(&log, "/api/status/500").await;
    assert_eq!(lines(&log).len(), 1);
}

#[tokio::test]
async fn a_log_that_is_moved_away_is_opened_again_and_the_end_is_written() {
    let Logged { mut program, log, _directory, .. } = logged("").await;
    ask(program.http, get("/api/first")).await;
    line(&log, "/api/first").await;
    let moved = log.with_extension("1");
    std::fs::rename(&log, &moved).unwrap();
    program.signal(Signal::SIGHUP);
    eventually("a new file", PATIENCE, || async { log.exists() }, |exists| *exists).await;
    ask(program.http, get("/api/second")).await;
    line(&log, "/api/second").await;
    assert_eq!(lines(&moved).len(), 1);
    ask(program.http, get("/api/third")).await;
    program.signal(Signal::SIGTERM);
    program.child.wait().await.unwrap();
    assert_eq!(lines(&log).len(), 2, "{:?}", lines(&log));
}

/// As few lines as there are in a receiver of OTLP over HTTP.
struct Receiver {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let shared = Arc::clone(&spans);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let spans = Arc::clone(&shared);
                let service = service_fn(move |request| receive(request, Arc::clone(&spans)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, spans }
    }

    /// The spans of requests for this path, once there are so many.
    async fn spans(&self, path: &str, count: usize) -> Vec<Span> {
        let of_path = || async {
            let spans = self.spans.lock().clone();
            spans.into_iter().filter(|span| text(span, "url.path") == path).collect::<Vec<_>>()
        };
        eventually(path, Duration::from_secs(20), of_path, |spans| spans.len() >= count).await
    }
}

async fn receive(
    request: Request<Incoming>,
    spans: Arc<Mutex<Vec<Span>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await?.to_bytes();
    let batch = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = batch.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().extend(scopes.flat_map(|scope| scope.spans));
    Ok(Response::new(Full::default()))
}

fn text(span: &Span, key: &str) -> String {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key);
    match attribute.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value) {
        Some(Attribute::StringValue(text)) => text,
        Some(Attribute::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn traced(receiver: &Receiver) -> Observability {
    let endpoint = Some(format!("http://{}", receiver.address).parse().unwrap());
    Observability {
        otlp_endpoint: endpoint,
        trace_percent: "100".parse().unwrap(),
        ..Observability::default()
    }
}

/// `first` is drained, so `second` serves what arrives there.
#[tokio::test]
async fn a_spilled_request_is_two_spans_of_one_trace() {
    let (authority, receiver) = (Authority::new(), Receiver::start().await);
    let (home, away) = (Backend::start("first").await, Recorder::start().await);
    let world = |region, endpoint| {
        World::seen(trusted(one_route(region, &[endpoint]), &authority), traced(&receiver))
    };
    let (first, second) = (world("first", home.address).await, world("second", away.address).await);
    let peers: Vec<Peer> = [("first", &first), ("second", &second)]
        .map(|(region, world)| peer(region, world.http(), world.spill()))
        .into();
    let drained = PriorityRegion { name: "first".into(), intent: Intent::Drained };
    let healthy = PriorityRegion { name: "second".into(), ..PriorityRegion::default() };
    let priority = Priority { regions: vec![drained, healthy], ..Priority::default() };
    for world in [&first, &second] {
        change(&world.config, |config| {
            config.peers.clone_from(&peers);
            config.priorities = [(PRIORITY.to_owned(), priority.clone())].into();
        });
    }
    let spills = || async { ask(first.http(), get("/api/warm")).await.into_body() };
    eventually("spill", Duration::from_secs(20), spills, |body| body == "recorded").await;
    away.take();

    ask(first.http(), get("/api/once")).await;
    let spans = receiver.spans("/api/once", 2).await;
    let is_first = |span: &&Span| span.parent_span_id.is_empty();
    let (origin, serving) =
        (spans.iter().find(is_first).unwrap(), spans.iter().find(|span| !is_first(span)).unwrap());
    assert_eq!(spans.len(), 2);
    assert_eq!(origin.trace_id, serving.trace_id, "one trace");
    assert_eq!(serving.parent_span_id, origin.span_id, "the second hop is the first one's child");
    for (span, region) in [(origin, "first"), (serving, "second")] {
        assert_eq!(span.name, format!("GET {HOST}/api/"), "{region}");
        assert_eq!(text(span, "spillway.hop"), "spill", "{region}");
        assert_eq!(text(span, "spillway.region.origin"), "first");
        assert_eq!(text(span, "spillway.region.serving"), "second");
        assert_eq!(text(span, "http.response.status_code"), "200");
        assert!(span.start_time_unix_nano < span.end_time_unix_nano, "{region}");
    }
    assert_eq!(text(origin, "spillway.peer"), "second-1");
    assert_eq!(text(serving, "spillway.backend"), away.address.to_string());
    let arrived = away.take().into_iter().find(|arrived| arrived.uri.path() == "/api/once").unwrap();
    let told = arrived.headers["traceparent"].to_str().unwrap();
    let trace = u128::from_be_bytes(origin.trace_id[..].try_into().unwrap());
    let span = u64::from_be_bytes(serving.span_id[..].try_into().unwrap());
    assert_eq!(told, format!("00-{trace:032x}-{span:016x}-01"));
}

#[tokio::test]
async fn the_caller_says_whether_a_trace_is_recorded_and_a_receiver_that_is_away_costs_nothing() {
    let receiver = Receiver::start().await;
    let backend = Recorder::start().await;
    let world = World::seen(one_route("first", &[backend.address]), traced(&receiver)).await;
    let parent = |flags: &str| format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
    for (path, flags) in [("/api/silent", "00"), ("/api/told", "01")] {
        let mut request = get(path);
        request.headers_mut().insert("traceparent", parent(flags).parse().unwrap());
        request.headers_mut().insert("tracestate", "vendor=1".parse().unwrap());
        ask(world.http(), request).await;
    }
    let told = receiver.spans("/api/told", 1).await.remove(0);
    assert_eq!(told.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(told.trace_state, "vendor=1");
    assert!(receiver.spans.lock().iter().all(|span| text(span, "url.path") != "/api/silent"));
    let asked = |arrived: &Arrived| ["/api/silent", "/api/told"].contains(&arrived.uri.path());
    for arrived in backend.take().into_iter().filter(asked) {
        let passed = arrived.headers["traceparent"].to_str().unwrap();
        assert!(passed.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{passed}");
        assert_eq!(arrived.headers["tracestate"], "vendor=1");
    }

    let away = Receiver { address: crate::support::backend::refusing(), spans: Arc::default() };
    let world = World::seen(one_route("first", &[backend.address]), traced(&away)).await;
    assert_eq!(ask(world.http(), get("/api/x")).await.status(), StatusCode::OK);
    let lost = || async { world.gateway.metrics().encode() };
    let counted = |text: &String| text.contains("spillway_gateway_trace_lost_spans_total 1\n");
    eventually("a lost span", Duration::from_secs(20), lost, counted).await;
}
