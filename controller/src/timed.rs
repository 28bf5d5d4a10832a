//! A round of work, timed: as a span on the timeline, and in a histogram.

use std::{fmt::Display, future::Future, time::Instant};

use tracing::Instrument;

use crate::{
    metrics::{Loop, Metrics},
    queue::Outcome,
};

/// Does one round for `key`. A round that is dropped where it stands is not counted.
pub(crate) async fn round(
    metrics: &Metrics,
    of: &Loop,
    key: &impl Display,
    work: impl Future<Output = Outcome>,
) -> Outcome {
    let span = tracing::debug_span!("reconcile", r#loop = of.name(), %key);
    let begun = Instant::now();
    let outcome = work.instrument(span).await;
    metrics.rounds.observe(of, begun.elapsed());
    outcome
}
