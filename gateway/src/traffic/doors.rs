//! Reach evidence: the front door of another member, asked twice a second along the full path.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::StatusCode;
use spillway_decide::{Peer, Time};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Traffic, probe};
use crate::config::Protocol;

const PATH: &str = "/.well-known/spillway/healthz";
const TIMEOUT: Duration = Duration::from_secs(1);
/// A death is noticed by the first probe after it: this long is nobody the wiser.
const PERIOD: Duration = Duration::from_millis(500);
/// A door that did not answer is asked sooner again: whether it is dead decides how long people suffer.
const PERIOD_WHEN_SILENT: Duration = Duration::from_millis(250);

/// Probes until `stop`. `doubt` is raised by who talks to the same peer and got no answer.
pub(super) async fn watch(
    traffic: Traffic,
    peer: Arc<Peer>,
    source: Option<IpAddr>,
    doubt: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut answered = true;
    loop {
        let (clock, sent) = (traffic.inner.clock, traffic.inner.clock.now());
        let ok = timeout(TIMEOUT, any_door(&peer, source)).await.unwrap_or(false);
        // No later than its deadline: who slept himself must not take his own silence for the other's.
        let until = clock.now().min(sent + TIMEOUT);
        traffic.reached((sent, until), &peer, ok);
        // Until the TTL has fallen people are sent there for long; and what ends a doubt is news as well.
        if std::mem::replace(&mut answered, ok) != ok {
            traffic.inner.news.notify_one();
        }
        let period = if ok { PERIOD } else { PERIOD_WHEN_SILENT };
        let rest = period.saturating_sub(clock.now().since(sent));
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(rest) => {}
            () = doubt.notified(), if ok => {}
        }
    }
}

/// Whether any of the peer's addresses answers 200: a region is given up only when none of its doors opens.
async fn any_door(peer: &Peer, source: Option<IpAddr>) -> bool {
    let asked: FuturesUnordered<_> = peer
        .front_door
        .addresses
        .iter()
        .map(|address| SocketAddr::new(*address, peer.front_door.port))
        .map(|address| async move {
            probe::get(address, source, &address.to_string(), PATH, Protocol::Http1).await
        })
        .collect();
    asked.any(|answer| async { answer.is_ok_and(|status| status == StatusCode::OK) }).await
}

impl Traffic {
    /// Gives a probe's outcome to every priority that the peer's region is of.
    fn reached(&self, span: (Time, Time), peer: &Peer, ok: bool) {
        let config = self.inner.config.borrow().clone();
        if peer.region == config.identity.region {
            return;
        }
        let lives = self.inner.lives.read();
        for (name, live) in lives.iter() {
            if let Some(priority) =
                config.priorities.get(name).filter(|priority| priority.contains(&peer.region))
            {
                live.reached(span, peer, priority, ok);
            }
        }
    }
}
