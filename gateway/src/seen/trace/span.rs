//! A record as a span, by OpenTelemetry's semantic conventions for HTTP servers.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::proxy::Upload;
use crate::seen::log::{hop, words};
use crate::seen::record::{Details, Record};

/// The span of a request that has ended.
pub(super) fn span(record: &Record, details: &Details) -> Span {
    let start = u64::try_from(details.at.as_nanosecond()).unwrap_or_default();
    let took = u64::try_from(record.received.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let method = known_method(details.method.as_str());
    let name = match &record.route {
        Some(route) => format!("{method} {}", route.pattern),
        None => method.to_owned(),
    };
    let failed = details.head.is_none_or(|(status, _)| status.is_server_error());
    let status = failed.then(|| Status {
        message: record.reason.unwrap_or_default().to_owned(),
        code: SpanStatus::Error.into(),
    });
    Span {
        trace_id: details.trace.trace.0.to_be_bytes().to_vec(),
        span_id: details.trace.span.0.to_be_bytes().to_vec(),
        parent_span_id: details
            .trace
            .parent
            .map(|parent| parent.0.to_be_bytes().to_vec())
            .unwrap_or_default(),
        trace_state: details.trace.state.as_ref().map(|state| words(state).into_owned()).unwrap_or_default(),
        flags: 1,
        name,
        kind: SpanKind::Server.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(took),
        attributes: attributes(record, details, method),
        status,
        ..Span::default()
    }
}

fn attributes(record: &Record, details: &Details, method: &str) -> Vec<KeyValue> {
    let (host, port) = match details.host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (details.host.as_str(), None),
    };
    let status = details.head.map(|(status, _)| i64::from(status.as_u16()));
    let error = match status {
        None => Some("client_gone".to_owned()),
        Some(status @ 500..) => Some(status.to_string()),
        Some(_) => None,
    };
    let version = details.version;
    let original = (method == OTHER_METHOD).then(|| details.method.as_str());
    let uploaded = details.upload.as_ref().map_or(0, Upload::bytes);
    [
        text("http.request.method", Some(method)),
        text("http.request.method_original", original),
        text("url.scheme", Some(details.scheme.as_str())),
        text("url.path", Some(details.uri.path())),
        text("server.address", Some(host)),
        number("server.port", port),
        text("client.address", Some(details.client.to_string())),
        text("http.route", record.route.as_ref().map(|route| route.pattern.as_str())),
        text("user_agent.original", details.user_agent.as_ref().map(words)),
        text("network.protocol.version", Some(if version == http::Version::HTTP_2 { "2" } else { "1.1" })),
        number("http.response.status_code", status),
        text("error.type", error),
        number("http.request.body.size", i64::try_from(uploaded).ok()),
        number("http.response.body.size", i64::try_from(details.bytes_out).ok()),
        number("http.request.resend_count", Some(i64::from(record.retries)).filter(|count| *count > 0)),
        text("spillway.hop", Some(hop(record))),
        text("spillway.region.origin", Some(record.origin_region())),
        text("spillway.region.serving", Some(record.serving_region())),
        text("spillway.ingress", record.route.as_ref().map(|route| route.ingress.as_str())),
        text("spillway.backend", record.backend.map(|backend| backend.to_string())),
        text("spillway.peer", record.peer.as_deref()),
        text("spillway.reason", record.reason),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const OTHER_METHOD: &str = "_OTHER";

/// Methods that nobody registered are one, so that span names have a bound.
fn known_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH" | "CONNECT" | "TRACE" => method,
        _ => OTHER_METHOD,
    }
}

pub(super) fn text(key: &str, value: Option<impl Into<String>>) -> Option<KeyValue> {
    value.map(|value| attribute(key, Value::StringValue(value.into())))
}

fn number(key: &str, value: Option<i64>) -> Option<KeyValue> {
    value.map(|value| attribute(key, Value::IntValue(value)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
