//! `--for`: how long something holds, in words such as `30m`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use spillway_decide::commands::{MAX_GAMEDAY, MAX_LIFETIME};

/// Of a command: up to a day.
pub(crate) fn of_command(text: &str) -> Result<Duration, String> {
    bounded(text, MAX_LIFETIME, "24h")
}

/// Of a game day: up to an hour.
pub(crate) fn of_gameday(text: &str) -> Result<Duration, String> {
    bounded(text, MAX_GAMEDAY, "1h")
}

/// Of a credential: up to 90 days.
pub(crate) fn of_credential(text: &str) -> Result<Duration, String> {
    bounded(text, Duration::from_hours(90 * 24), "90d")
}

fn bounded(text: &str, most: Duration, written: &str) -> Result<Duration, String> {
    let allowed = || format!("1s to {written}, such as 90s, 30m, 2h or 1d");
    let span: Span = text.parse().map_err(|_| allowed())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| allowed())?;
    let duration = Duration::try_from(duration).map_err(|_| allowed())?;
    let whole = Duration::from_secs(duration.as_secs());
    if (Duration::from_secs(1)..=most).contains(&whole) { Ok(whole) } else { Err(allowed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("24h", 86_400), ("1h 30m", 5400)]
        {
            assert_eq!(of_command(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "30", "0s", "25h", "-5m", "1y", "soon"] {
            assert!(of_command(text).unwrap_err().contains("1s to 24h"), "{text}");
        }
        assert_eq!(of_credential("30d"), Ok(Duration::from_hours(30 * 24)));
    }
}
