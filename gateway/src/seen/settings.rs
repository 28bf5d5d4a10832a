//! What of the requests is written down, and where. The same settings as flags and in a configuration file.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::MAX_ROUTES;

/// Access log, traces, and series by route.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Observability {
    /// File for an access log in JSON, one line a request; `-` is standard output. Absent: no access log
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub access_log: Option<PathBuf>,
    /// Percent of the requests that the access log has, such as 100 or 0.5; answers 5xx are always in it
    #[arg(long, value_name = "PERCENT", default_value = "100")]
    pub access_log_percent: Percent,
    /// Write the query of each request into the access log, too; it may hold secrets
    #[arg(long)]
    pub access_log_query: bool,
    /// OTLP receiver for traces over HTTP (protobuf), such as `http://127.0.0.1:4318`; without a path it is
    /// /v1/traces. Absent: no traces
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<Endpoint>,
    /// Percent of the traces that begin here which are recorded, such as 100 or 0.5; for others the caller's
    /// traceparent says so
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    pub trace_percent: Percent,
    /// Routes with series of their own; those beyond are counted together as `other`. 0 to 100000
    #[arg(long, value_name = "ROUTES", default_value_t = DEFAULT_ROUTES, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_route_series: u32,
}

#[expect(clippy::cast_possible_truncation, reason = "a constant far below 2^32")]
const DEFAULT_ROUTES: u32 = MAX_ROUTES as u32;

impl Default for Observability {
    fn default() -> Self {
        Self {
            access_log: None,
            access_log_percent: Percent::ALL,
            access_log_query: false,
            otlp_endpoint: None,
            trace_percent: Percent(10_000),
            max_route_series: DEFAULT_ROUTES,
        }
    }
}

/// A share of requests, in millionths. Written as a decimal string from "0" to "100".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(rename = "Sample", with = "String", extend("pattern" = r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$"))]
pub struct Percent(u32);

impl Percent {
    const ALL: Self = Self(1_000_000);

    /// Whether it takes this number, if the numbers are spread evenly. The same number is always taken or not,
    /// and what a smaller share takes a larger one takes, too.
    pub(super) fn takes(self, random: u64) -> bool {
        let bound = (u128::from(self.0) << 64) / u128::from(Self::ALL.0);
        u128::from(random) < bound
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let millionths = || {
            let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
            whole.parse::<u32>().ok()?.checked_mul(10_000)?.checked_add(fraction)
        };
        (digits(whole) && digits(fraction) && fraction.len() <= 4)
            .then(millionths)
            .flatten()
            .filter(|millionths| *millionths <= Self::ALL.0)
            .map(Self)
            .ok_or_else(|| {
                format!("{text:?} is no decimal from 0 to 100 with at most four places, such as 0.5")
            })
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> Self {
        let (whole, fraction) = (percent.0 / 10_000, percent.0 % 10_000);
        match fraction {
            0 => whole.to_string(),
            _ => format!("{whole}.{fraction:04}").trim_end_matches('0').to_owned(),
        }
    }
}

/// Where spans are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^http://[^/]+"))]
pub struct Endpoint(pub(super) Uri);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed =
            || format!("{text:?} is no address of a receiver, such as http://127.0.0.1:4318 (no https)");
        let mut parts = text.parse::<Uri>().map_err(|_| allowed())?.into_parts();
        if parts.scheme != Some(http::uri::Scheme::HTTP) || parts.authority.is_none() {
            return Err(allowed());
        }
        // As OTLP's own variable for all signals is read.
        if parts.path_and_query.as_ref().is_none_or(|path| path == "/") {
            parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/v1/traces"));
        }
        Uri::from_parts(parts).map(Self).map_err(|_| allowed())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_decimals_from_0_to_100() {
        for (text, written) in
            [("0", "0"), ("100", "100"), ("0.5", "0.5"), ("12.3400", "12.34"), ("100.0", "100")]
        {
            assert_eq!(text.parse::<Percent>().map(String::from), Ok(written.to_owned()), "{text}");
        }
        for text in ["", "-1", "100.1", "101", "1.", ".5", "1.00001", "half", "1e1", "99999999999"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_percent_takes_its_share() {
        let half: Percent = "50".parse().unwrap();
        assert!(half.takes(0) && half.takes((1 << 63) - 1) && !half.takes(1 << 63));
        assert!(Percent::ALL.takes(u64::MAX) && !Percent(0).takes(0));
    }

    #[test]
    fn an_endpoint_without_a_path_is_the_one_for_traces() {
        for (text, read) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://collector/", "http://collector/v1/traces"),
            ("http://collector:80/otlp", "http://collector:80/otlp"),
        ] {
            assert_eq!(text.parse::<Endpoint>().map(String::from), Ok(read.to_owned()));
        }
        for text in ["127.0.0.1:4318", "https://collector", "/v1/traces", "", "http://"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
