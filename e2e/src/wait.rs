//! Waiting for a condition with a deadline, and saying what was seen instead.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(50);

/// Asks again and again until `probe` has an answer. A probe without an answer says what it saw instead; at the
/// deadline the error tells what was waited for and what was seen last.
pub async fn wait_until<T, F, Fut>(deadline: Duration, what: &str, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let end = Instant::now() + deadline;
    let mut seen = "nothing yet".to_owned();
    loop {
        match timeout_at(end, probe()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(instead)) => seen = format!("{instead:#}"),
            Err(_) => {}
        }
        if Instant::now() >= end {
            return Err(anyhow!("waited {deadline:?} for {what}; last seen: {seen}"));
        }
        sleep(PACE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_error_says_what_was_seen_last_even_if_a_probe_hangs() {
        let mut asked = 0;
        let result: Result<()> = wait_until(Duration::from_millis(200), "a miracle", || {
            asked += 1;
            let first = asked == 1;
            async move {
                if !first {
                    std::future::pending::<()>().await;
                }
                Err(anyhow!("rain"))
            }
        })
        .await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains("a miracle") && text.ends_with("last seen: rain"), "{text}");
    }
}
