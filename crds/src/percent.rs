//! A percentage that may have a fraction, as the decimal string that the API speaks.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A percentage from `"0"` to `"100"`, such as `"99.9"`.
///
/// The API server validates it, but reading never fails: one object that slipped past an older schema
/// must not make a whole list unreadable. Ask [`Percent::value`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("maxLength" = 8))]
pub struct Percent(String);

impl Percent {
    /// The number, when it is one from 0 to 100.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.0.parse().ok().filter(|value| (0.0..=100.0).contains(value))
    }
}

impl From<&str> for Percent {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Rounds to two decimals and drops zeros at the end: `99.5`, not `99.50`. What is no number is 0.
impl From<f64> for Percent {
    fn from(value: f64) -> Self {
        let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 100.0) };
        let text = format!("{value:.2}");
        Self(text.trim_end_matches('0').trim_end_matches('.').to_owned())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Percent;

    #[test]
    fn reads_what_people_write() {
        for (text, value) in [
            ("99", Some(99.0)),
            ("99.9", Some(99.9)),
            ("0", Some(0.0)),
            ("101", None),
            ("-1", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(Percent::from(text).value(), value, "{text:?}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for (value, text) in
            [(99.5, "99.5"), (100.0, "100"), (0.0, "0"), (1.0 / 3.0, "0.33"), (-4.0, "0"), (f64::NAN, "0")]
        {
            assert_eq!(Percent::from(value).to_string(), text);
        }
    }
}
