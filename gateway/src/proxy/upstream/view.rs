//! `/debug/backends`: every backend that has been asked for something, as the balancing sees it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;
use spillway_decide::Time;
use spillway_decide::routes::Policy;

use super::pool::{Member, Pool};

/// One backend.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackendView {
    /// Requests in flight whose answer has not begun, that arrived here.
    own_in_flight: usize,
    /// The same, of those that other regions sent.
    spilled_in_flight: usize,
    /// How many it takes at a time; null while it was not full lately.
    concurrency_limit: Option<f64>,
    /// The lowest median latency, in milliseconds, that the limit compares with.
    lowest_latency_milliseconds: Option<f64>,
    /// The median latency of the last window.
    latency_milliseconds: Option<f64>,
    /// Requests a second in the last window.
    requests_per_second: Option<f64>,
    /// Endpoints that get requests, and those that get them only when none of these is left.
    endpoints: BTreeMap<SocketAddr, EndpointView>,
}

/// One endpoint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointView {
    state: &'static str,
    in_flight: usize,
    idle_connections: usize,
    /// Its part, in percent: less than 100 while it starts slowly.
    weight_percent: u32,
    failures_in_a_row: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejected: Option<EjectedView>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EjectedView {
    reason: String,
    seconds_left: u64,
    times: u32,
}

pub(super) fn view(pool: &Pool, now: Time) -> BackendView {
    let flow = pool.flow.shown();
    let ready = pool.ready().iter().map(|member| endpoint(member, now, "ready"));
    let terminating = pool.terminating().iter().map(|member| endpoint(member, now, "terminating"));
    BackendView {
        own_in_flight: flow.own,
        spilled_in_flight: flow.spilled,
        concurrency_limit: flow.limit.map(f64::floor),
        lowest_latency_milliseconds: flow.lowest_millis,
        latency_milliseconds: flow.measured.map(|measured| measured.median_millis),
        requests_per_second: flow.measured.map(|measured| measured.own_rate + measured.spilled_rate),
        endpoints: terminating.chain(ready).collect(),
    }
}

fn endpoint(member: &Member, now: Time, state: &'static str) -> (SocketAddr, EndpointView) {
    let ejected = member.ejection(now).map(|ejected| EjectedView {
        reason: ejected.reason.to_string(),
        seconds_left: ejected.until.since(now).as_secs(),
        times: ejected.times,
    });
    let view = EndpointView {
        state: if ejected.is_some() { "ejected" } else { state },
        in_flight: member.endpoint.load(),
        idle_connections: member.endpoint.idle(),
        weight_percent: member.weight(now, Policy::default().slow_start()) / 10,
        failures_in_a_row: member.failures_in_a_row(),
        ejected,
    };
    (member.endpoint.address(), view)
}
