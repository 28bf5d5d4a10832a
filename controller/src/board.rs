//! The newest report of every gateway.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::RwLock;
use spillway_crds::{member_cluster::GatewayStatus, region_priority::Verdict as Shown};
use spillway_decide::{Verdict, report::Report};
use tokio::{sync::Notify, time::Instant};

/// How long a report speaks for its gateway.
const FRESH: Duration = Duration::from_secs(5);

/// Reports by member.
#[derive(Debug, Default)]
pub(crate) struct Board {
    reports: RwLock<BTreeMap<String, (Instant, Arc<Report>)>>,
    /// Rings when a report came in.
    pub(crate) news: Notify,
}

impl Board {
    /// Takes a report; tells whether what the status of a `MemberCluster` or `FederatedIngress` shows of it changed.
    pub(crate) fn take(&self, member: &str, report: Report) -> bool {
        let report = Arc::new(report);
        let before = self.reports.write().insert(member.to_owned(), (Instant::now(), report.clone()));
        self.news.notify_one();
        before.is_none_or(|(_, before)| {
            gateway(&before) != gateway(&report) || before.rejected != report.rejected
        })
    }

    /// Forgets reports that are no longer fresh; tells whose.
    pub(crate) fn expire(&self) -> Vec<String> {
        let mut reports = self.reports.write();
        let old = reports.iter().filter(|(_, (at, _))| at.elapsed() > FRESH);
        let old: Vec<_> = old.map(|(member, _)| member.clone()).collect();
        for member in &old {
            reports.remove(member);
        }
        old
    }

    /// The fresh reports.
    pub(crate) fn fresh(&self) -> Vec<Arc<Report>> {
        let reports = self.reports.read();
        reports.values().filter(|(at, _)| at.elapsed() <= FRESH).map(|(_, report)| report.clone()).collect()
    }

    /// Whether a gateway of the member has loaded this priority.
    pub(crate) fn serves(&self, member: &str, priority: &str) -> bool {
        let reports = self.reports.read();
        reports.get(member).is_some_and(|(_, report)| report.priorities.contains_key(priority))
    }

    /// Why a gateway of the member does not serve all of an Ingress there, if it does not.
    pub(crate) fn rejected(&self, member: &str, ingress: &str) -> Option<String> {
        let reports = self.reports.read();
        reports.get(member).and_then(|(_, report)| report.rejected.get(ingress).cloned())
    }

    /// The member's gateways, as status shows them.
    pub(crate) fn gateways(&self, member: &str) -> Vec<GatewayStatus> {
        let reports = self.reports.read();
        let report = reports.get(member).map(|(_, report)| report);
        report.into_iter().map(|report| gateway(report)).collect()
    }
}

fn gateway(report: &Report) -> GatewayStatus {
    let worst = report.priorities.values().map(|priority| priority.verdict).max();
    GatewayStatus { name: report.member.clone(), region: report.region.clone(), verdict: worst.map(shown) }
}

/// A gateway's verdict, as status spells it.
pub(crate) fn shown(verdict: Verdict) -> Shown {
    match verdict {
        Verdict::Healthy => Shown::Healthy,
        Verdict::Suspected => Shown::Suspected,
        Verdict::Degraded => Shown::Degraded,
        Verdict::Recovering => Shown::Recovering,
    }
}
