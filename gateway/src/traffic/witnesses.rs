//! Witnesses: addresses outside every region. Whoever reaches none of them is cut off himself.

use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use spillway_decide::Witnesses;
use tokio::net::lookup_host;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Traffic;
use crate::mtls::tcp;

const PERIOD: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Asks the witnesses of each priority, until `stop`.
pub(super) async fn ask_each_second(traffic: Traffic, source: Option<IpAddr>, stop: CancellationToken) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let config = traffic.inner.config.borrow().clone();
        join_all(
            config.priorities.iter().map(|(name, priority)| ask(&traffic, name, &priority.witnesses, source)),
        )
        .await;
    }
}

async fn ask(traffic: &Traffic, priority: &str, witnesses: &[String], source: Option<IpAddr>) {
    let answers = join_all(witnesses.iter().map(|witness| answers(witness, source))).await;
    let count = |answers: usize| u32::try_from(answers).unwrap_or(u32::MAX);
    let answered = count(answers.iter().filter(|answers| **answers).count());
    if let Some(live) = traffic.live(priority) {
        live.witnessed(Witnesses { asked: count(answers.len()), answered });
    }
}

/// Whether something accepts a connection there.
async fn answers(witness: &str, source: Option<IpAddr>) -> bool {
    let connected = timeout(TIMEOUT, async {
        for address in lookup_host(witness).await? {
            if tcp(address, source).await.is_ok() {
                return Ok(true);
            }
        }
        Ok::<_, std::io::Error>(false)
    });
    matches!(connected.await, Ok(Ok(true)))
}
