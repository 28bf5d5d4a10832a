//! Demo backends: what stands behind a Service in a world, with switches for faults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a backend takes to answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Latency {
    /// Always the same.
    Fixed {
        /// The time to the response's headers.
        milliseconds: u64,
    },
    /// Log-normal, as real services are: given by two of its quantiles.
    LogNormal {
        /// Half of the requests are faster.
        p50_milliseconds: u64,
        /// One in a hundred is slower.
        p99_milliseconds: u64,
    },
}

impl From<u64> for Latency {
    fn from(milliseconds: u64) -> Self {
        Self::Fixed { milliseconds }
    }
}

impl From<Duration> for Latency {
    fn from(time: Duration) -> Self {
        Self::Fixed { milliseconds: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// What to do instead of answering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Answer.
    #[default]
    None,
    /// Take the request and never answer.
    Hang,
    /// Close the listening socket: connections are refused, established ones reset.
    Refuse,
}

/// How a backend behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Behaviour {
    /// Time to the response's headers.
    pub latency: Latency,
    /// Part of the requests answered with status 500, from 0.0 to 1.0, spread evenly.
    pub error_rate: f64,
    /// What to do instead of answering.
    pub refusal: Refusal,
    /// Answer 302 with this Location.
    pub redirect: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Latency::Fixed { milliseconds: 5 },
            error_rate: 0.0,
            refusal: Refusal::None,
            redirect: None,
        }
    }
}
