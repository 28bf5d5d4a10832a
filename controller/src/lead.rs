//! Leadership: one controller writes, the others wait.
//!
//! A [`Lead`] is asked at the point of every write, and it answers by the clock: it ends with the lease, also
//! when nobody could tell us that the lease was lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube_leader_election::{LeaseLock, LeaseLockParams, LeaseLockResult};
use tokio::time::{Instant, interval, timeout};

/// The name of the Lease in the controller's namespace.
pub(crate) const LEASE: &str = "spillway-controller";

/// We do not lead, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this controller does not hold the lease (any more), so it writes nothing")]
pub(crate) struct NotLeading;

/// Whether we lead, until when. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    start: Instant,
    until_milliseconds: Arc<AtomicU64>,
}

impl Default for Lead {
    fn default() -> Self {
        Self { start: Instant::now(), until_milliseconds: Arc::default() }
    }
}

impl Lead {
    /// Asked before every write.
    pub(crate) fn check(&self) -> Result<(), NotLeading> {
        if self.is_held() { Ok(()) } else { Err(NotLeading) }
    }

    /// Whether we lead.
    pub(crate) fn is_held(&self) -> bool {
        self.milliseconds(Instant::now()) < self.until_milliseconds.load(Ordering::Acquire)
    }

    /// How long we still lead, unless the lease is renewed.
    pub(crate) fn left(&self) -> Duration {
        let until = self.until_milliseconds.load(Ordering::Acquire);
        Duration::from_millis(until.saturating_sub(self.milliseconds(Instant::now())))
    }

    /// Leads until `until`.
    pub(crate) fn hold_until(&self, until: Instant) {
        self.until_milliseconds.store(self.milliseconds(until), Ordering::Release);
    }

    /// Leads no longer.
    pub(crate) fn end(&self) {
        self.until_milliseconds.store(0, Ordering::Release);
    }

    fn milliseconds(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}

/// The candidate for the lease.
pub(crate) struct Campaign {
    lock: LeaseLock,
    identity: String,
    lead: Lead,
    duration: Duration,
}

impl Campaign {
    /// A candidate with this identity.
    pub(crate) fn new(
        client: Client,
        namespace: &str,
        identity: &str,
        duration: Duration,
        lead: Lead,
    ) -> Self {
        let holder_id = identity.to_owned();
        let params = LeaseLockParams { holder_id, lease_name: LEASE.into(), lease_ttl: duration };
        let lock = LeaseLock::new(client, namespace, params);
        Self { lock, identity: identity.to_owned(), lead, duration }
    }

    /// Waits until we lead.
    pub(crate) async fn win(&self) {
        let mut ticks = interval(self.period());
        loop {
            ticks.tick().await;
            // Two candidates may both see an expired lease and both write it, the later one wins: who believes
            // to have won looks once more after the others' writes have landed.
            if self.renew().await && self.settled().await {
                return;
            }
            self.lead.end();
        }
    }

    /// Renews until the lease is lost.
    pub(crate) async fn keep(&self) {
        let mut ticks = interval(self.period());
        while self.lead.is_held() {
            ticks.tick().await;
            if !self.renew().await && !self.lead.is_held() {
                break;
            }
        }
        self.lead.end();
    }

    /// Gives the lease back, so that a successor need not wait for its end.
    pub(crate) async fn step_down(&self) {
        self.lead.end();
        match timeout(Duration::from_secs(2), self.lock.step_down()).await {
            Ok(Ok(())) => tracing::info!("gave the lease back"),
            Ok(Err(error)) => tracing::warn!(%error, "could not give the lease back; it ends by itself"),
            Err(_) => tracing::warn!("could not give the lease back in time; it ends by itself"),
        }
    }

    fn period(&self) -> Duration {
        (self.duration / 5).max(Duration::from_millis(200))
    }

    fn names_us(&self, lease: &Lease) -> bool {
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref());
        holder.is_some_and(|holder| *holder == self.identity)
    }

    async fn settled(&self) -> bool {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.renew().await
    }

    /// One round; we lead for four fifths of the lease from its beginning, so that we stop before others begin.
    ///
    /// A renewal is a patch that names no holder: after a pause it lands on a lease that somebody else has taken,
    /// and succeeds. So the answer counts only if it names us.
    async fn renew(&self) -> bool {
        let began = Instant::now();
        match timeout(self.duration / 2, self.lock.try_acquire_or_renew()).await {
            Ok(Ok(LeaseLockResult::Acquired(lease))) if self.names_us(&lease) => {
                self.lead.hold_until(began + self.duration * 4 / 5);
                true
            }
            Ok(Ok(LeaseLockResult::Acquired(_) | LeaseLockResult::NotAcquired(_))) => {
                self.lead.end();
                false
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot reach the lease");
                false
            }
            Err(_) => {
                tracing::warn!("the hub does not answer about the lease");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;
    use tokio::time::Instant;

    use super::{Campaign, Lead, NotLeading};
    use crate::fixture::client;

    fn lease(holder: &str) -> serde_json::Value {
        json!({"metadata": {"name": super::LEASE}, "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "renewTime": format!("{:.6}", Timestamp::now())}})
    }

    #[tokio::test]
    async fn an_answer_that_names_another_is_no_renewal() {
        for (holder, leads) in [("us", true), ("another", false)] {
            let answer =
                move |method: &str, _: &str| (200, lease(if method == "GET" { "us" } else { holder }));
            let (lead, (client, asked)) = (Lead::default(), client(answer));
            lead.hold_until(Instant::now() + Duration::from_mins(1));
            let campaign = Campaign::new(client, "ns", "us", Duration::from_secs(15), lead.clone());
            assert_eq!((campaign.renew().await, lead.is_held()), (leads, leads), "{holder}: {asked:?}");
        }
    }

    #[test]
    fn leads_by_the_clock() {
        let lead = Lead::default();
        assert_eq!(lead.check(), Err(NotLeading));
        lead.hold_until(Instant::now() + Duration::from_mins(1));
        assert_eq!(lead.check(), Ok(()));
        lead.hold_until(Instant::now());
        assert_eq!(lead.check(), Err(NotLeading));
        lead.hold_until(Instant::now() + Duration::from_mins(1));
        lead.end();
        assert_eq!(lead.check(), Err(NotLeading));
    }
}
