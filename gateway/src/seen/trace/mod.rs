//! Traces: W3C trace context between hops, and a span for each request to a receiver that speaks OTLP.

mod context;
mod export;
mod span;

pub(super) use context::{Context, SpanId, TraceId};
pub(super) use export::Spans;
