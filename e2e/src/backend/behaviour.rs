//! The switches of a demo backend.

use std::net::SocketAddrV4;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The quantile 0.99 of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

/// A named backend, as the control port takes and shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// Its name, unique in its region.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddrV4,
    /// How it behaves.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// How many requests it has taken since its process started.
    #[serde(default)]
    pub requests: u64,
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
        Self { latency: 5.into(), error_rate: 0.0, refusal: Refusal::None, redirect: None }
    }
}

impl Behaviour {
    /// Whether the n-th request (from 0) is an error: at every moment the part of errors so far is as near to
    /// the rate as it can be.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters far below 2^52, rates between 0 and 1"
    )]
    pub(super) fn fails(&self, n: u64) -> bool {
        let errors_after = |requests: u64| (requests as f64 * self.error_rate.clamp(0.0, 1.0)).floor() as u64;
        errors_after(n + 1) > errors_after(n)
    }
}

/// What to do instead of answering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Answer.
    #[default]
    None,
    /// Take requests and do not answer them until this ends.
    Hang,
    /// Close the listening socket: connections are refused, established ones reset.
    Refuse,
}

/// How long a backend takes to answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Latency {
    /// Always the same.
    Fixed {
        /// The time to the response's headers.
        milliseconds: u64,
    },
    /// Log-normal, as real services are: given by two of its quantiles.
    LogNormal {
        /// Half of the requests are faster.
        p50_milliseconds: f64,
        /// One in a hundred is slower.
        p99_milliseconds: f64,
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

impl Latency {
    /// A draw, from a standard normal one.
    pub(super) fn draw(self, normal: f64) -> Duration {
        match self {
            Self::Fixed { milliseconds } => Duration::from_millis(milliseconds),
            Self::LogNormal { p50_milliseconds, p99_milliseconds } => {
                let sigma = (p99_milliseconds / p50_milliseconds).ln() / Z99;
                let milliseconds = p50_milliseconds * (sigma * normal).exp();
                Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
            }
        }
    }
}

/// A draw from the standard normal distribution (Box and Muller).
pub(super) fn standard_normal() -> f64 {
    let (u, v): (f64, f64) = (1.0 - rand::random::<f64>(), rand::random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_evenly_and_exactly_as_often_as_asked() {
        let half = Behaviour { error_rate: 0.5, ..Behaviour::default() };
        let fails: Vec<bool> = (0..6).map(|n| half.fails(n)).collect();
        assert_eq!(fails, [false, true, false, true, false, true]);
        let tenth = Behaviour { error_rate: 0.1, ..Behaviour::default() };
        assert_eq!((0..1000).filter(|n| tenth.fails(*n)).count(), 100);
        assert!((0..10).all(|n| Behaviour { error_rate: 1.0, ..Behaviour::default() }.fails(n)));
    }

    #[test]
    fn the_quantiles_of_a_log_normal_latency_are_those_given() {
        let latency = Latency::LogNormal { p50_milliseconds: 40.0, p99_milliseconds: 400.0 };
        assert_eq!(latency.draw(0.0), Duration::from_millis(40));
        assert!(latency.draw(Z99).abs_diff(Duration::from_millis(400)) < Duration::from_millis(1));
    }

    #[test]
    fn json_leaves_out_what_is_as_usual() {
        let slow: Behaviour =
            serde_json::from_str(r#"{"latency": {"kind": "fixed", "milliseconds": 2000}}"#).unwrap();
        assert_eq!(slow, Behaviour { latency: 2000.into(), ..Behaviour::default() });
        let spread =
            serde_json::to_string(&Latency::LogNormal { p50_milliseconds: 1.0, p99_milliseconds: 2.0 });
        assert_eq!(spread.unwrap(), r#"{"kind":"logNormal","p50Milliseconds":1.0,"p99Milliseconds":2.0}"#);
    }
}
