//! What is asked for the requests of a route besides where they go: how long they may take, whether they are
//! repeated, who of the endpoints gets them.
//!
//! People write these as annotations or as fields of a file; [`Policy::set`] reads one, and says what is allowed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The policy of a route. What is not said is as it always was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// How long an endpoint may take to accept a connection.
    pub connect_timeout_milliseconds: u32,
    /// How long the head of the answer may take, from the last byte of the request on.
    pub response_timeout_milliseconds: u32,
    /// How long the body of an answer may pause. None: as long as it likes, as event streams do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_milliseconds: Option<u32>,
    /// How often a request that may have been processed is sent once more, if it is idempotent.
    pub retries: u32,
    /// Statuses of backends for which it is.
    pub retry_on_status: Vec<u16>,
    /// Over how many seconds an endpoint that becomes ready takes on its full part.
    pub slow_start_seconds: u32,
    /// The cookie that keeps a client at its endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity_cookie: Option<String>,
    /// Whom the measured concurrency limit of the backend holds back.
    pub concurrency_limit: LimitedTo,
}

/// Whom a concurrency limit holds back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitedTo {
    /// Nobody.
    None,
    /// What other regions send. Our own arrivals wait rather than fail.
    #[default]
    Spilled,
    /// Our own arrivals, too.
    All,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect_timeout_milliseconds: 1_000,
            response_timeout_milliseconds: 60_000,
            idle_timeout_milliseconds: None,
            retries: 1,
            retry_on_status: Vec::new(),
            slow_start_seconds: 30,
            affinity_cookie: None,
            concurrency_limit: LimitedTo::default(),
        }
    }
}

/// Statuses that a gateway or a server that is full gives: a second try may do better.
pub const RETRYABLE: [u16; 3] = [502, 503, 504];
const MOST_MILLISECONDS: u32 = 3_600_000;
const MOST_COOKIE_BYTES: usize = 64;

impl Policy {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Takes one setting by the name that it has in an annotation, after the slash. `None`: there is none of that
    /// name. An error says what is allowed.
    pub fn set(&mut self, name: &str, text: &str) -> Option<Result<(), String>> {
        let text = text.trim();
        Some(match name {
            "connect-timeout-milliseconds" => {
                number(text, 1..=60_000).map(|value| self.connect_timeout_milliseconds = value)
            }
            "response-timeout-milliseconds" => {
                number(text, 1..=MOST_MILLISECONDS).map(|value| self.response_timeout_milliseconds = value)
            }
            "idle-timeout-milliseconds" => {
                number(text, 1..=MOST_MILLISECONDS).map(|value| self.idle_timeout_milliseconds = Some(value))
            }
            "retries" => number(text, 0..=5).map(|value| self.retries = value),
            "retry-on-status" => statuses(text).map(|list| self.retry_on_status = list),
            "slow-start-seconds" => number(text, 0..=3600).map(|value| self.slow_start_seconds = value),
            "affinity-cookie" => cookie(text).map(|()| self.affinity_cookie = Some(text.to_owned())),
            "concurrency-limit" => limited_to(text).map(|whom| self.concurrency_limit = whom),
            _ => return None,
        })
    }

    /// How long a connection may take.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_milliseconds as u64)
    }

    /// How long the head of an answer may take.
    #[must_use]
    pub const fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_milliseconds as u64)
    }

    /// How long the body of an answer may pause.
    #[must_use]
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout_milliseconds.map(|millis| Duration::from_millis(millis.into()))
    }

    /// Over how long an endpoint takes on its part.
    #[must_use]
    pub const fn slow_start(&self) -> Duration {
        Duration::from_secs(self.slow_start_seconds as u64)
    }
}

fn number(text: &str, range: std::ops::RangeInclusive<u32>) -> Result<u32, String> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| {
        format!("{text:?} is not allowed: a whole number from {} to {} is", range.start(), range.end())
    })
}

fn statuses(text: &str) -> Result<Vec<u16>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let known = |item: &str| item.parse().ok().filter(|code| RETRYABLE.contains(code));
    items
        .map(|item| {
            known(item).ok_or_else(|| format!("{item:?} is not allowed: a list of 502, 503 and 504 is"))
        })
        .collect()
}

/// A name as RFC 6265 section 4.1.1 has it: a token.
pub fn cookie(name: &str) -> Result<(), String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > MOST_COOKIE_BYTES || !name.bytes().all(token) {
        return Err(format!(
            "{name:?} is not allowed: the name of a cookie is, 1 to {MOST_COOKIE_BYTES} letters, digits, - and _"
        ));
    }
    Ok(())
}

fn limited_to(text: &str) -> Result<LimitedTo, String> {
    match text {
        "None" => Ok(LimitedTo::None),
        "Spilled" => Ok(LimitedTo::Spilled),
        "All" => Ok(LimitedTo::All),
        other => Err(format!("{other:?} is not allowed: None, Spilled and All are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_or_say_what_is_allowed() {
        for (name, good, bad, allowed) in [
            ("connect-timeout-milliseconds", "500", "0", "from 1 to 60000"),
            ("response-timeout-milliseconds", "2500", "1m", "from 1 to 3600000"),
            ("idle-timeout-milliseconds", " 30000 ", "-1", "from 1 to 3600000"),
            ("retries", "0", "6", "from 0 to 5"),
            ("retry-on-status", "502, 503", "502,500", "502, 503 and 504"),
            ("slow-start-seconds", "0", "3601", "from 0 to 3600"),
            ("affinity-cookie", "shop_at", "a b", "the name of a cookie"),
            ("concurrency-limit", "All", "all", "None, Spilled and All"),
        ] {
            let mut policy = Policy::default();
            let error = policy.set(name, bad).unwrap().unwrap_err();
            assert!(error.contains(allowed), "{name}: {error}");
            assert!(policy.is_default(), "{name}: a bad value changes nothing");
            policy.set(name, good).unwrap().unwrap();
            assert!(!policy.is_default(), "{name}");
        }
        assert!(Policy::default().set("affinity", "x").is_none(), "no such setting");
    }

    #[test]
    fn what_was_not_said_by_an_older_version_is_the_default() {
        let policy: Policy = serde_json::from_str(r#"{"retries": 2}"#).unwrap();
        assert_eq!(policy, Policy { retries: 2, ..Policy::default() });
    }
}
