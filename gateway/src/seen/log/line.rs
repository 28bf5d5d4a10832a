//! One line. The fields are API: docs/observability.md lists them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderValue, Version};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::super::record::{Details, Record};
use super::super::trace::{SpanId, TraceId};
use crate::metrics::Served;
use crate::proxy::Upload;

/// The status of a request whose client went away before there was one, as nginx writes it.
const CLIENT_GONE: u16 = 499;
/// Bytes of a client's own words that are worth a line.
const MAX_WORDS: usize = 256;

/// A line of the access log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::seen) struct Line<'a> {
    time: Timestamp,
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
    client: IpAddr,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'static str>,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    ingress: &'a str,
    route: &'a str,
    status: u16,
    hop: &'static str,
    origin_region: &'a str,
    serving_region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<SocketAddr>,
    retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(serialize_with = "microseconds", skip_serializing_if = "Option::is_none")]
    head_microseconds: Option<Duration>,
    #[serde(serialize_with = "some_microseconds")]
    total_microseconds: Duration,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    aborted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    pub(in crate::seen) fn new(record: &'a Record, details: &'a Details, with_query: bool) -> Self {
        let route = record.route.as_deref();
        Self {
            time: details.at,
            trace_id: details.trace.trace,
            span_id: details.trace.span,
            request_id: details.request_id.as_ref().map(words),
            client: details.client,
            protocol: protocol(details.version),
            tls: details.tls,
            method: details.method.as_str(),
            host: &details.host,
            path: details.uri.path(),
            query: details.uri.query().filter(|_| with_query),
            ingress: route.map_or("", |route| &route.ingress),
            route: route.map_or("", |route| &route.pattern),
            status: details.head.map_or(CLIENT_GONE, |(status, _)| status.as_u16()),
            hop: hop(record),
            origin_region: record.origin_region(),
            serving_region: record.serving_region(),
            peer: record.peer.as_deref(),
            backend: record.backend,
            retries: record.retries,
            retry_reason: record.retry_reason.as_deref(),
            reason: record.reason,
            bytes_in: details.upload.as_ref().map_or(0, Upload::bytes),
            bytes_out: details.bytes_out,
            head_microseconds: details.head.map(|(_, latency)| latency),
            total_microseconds: record.received.elapsed(),
            aborted: !details.whole,
            user_agent: details.user_agent.as_ref().map(words),
        }
    }
}

/// Whether it crossed from one region to another.
pub(in crate::seen) const fn hop(record: &Record) -> &'static str {
    match (record.served, &record.other_region) {
        (Served::Here, _) | (Served::Nobody, None) => "local",
        _ => "spill",
    }
}

pub(in crate::seen) const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

/// What a client says in a field, within reason. Bytes that are no text are told as such.
pub(in crate::seen) fn words(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    String::from_utf8_lossy(bytes.get(..MAX_WORDS).unwrap_or(bytes))
}

fn some_microseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn microseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    some_microseconds(&duration.unwrap_or_default(), serializer)
}
