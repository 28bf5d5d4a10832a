//! What is counted of backends: faults by kind, ejections by reason, requests that were refused as too many.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use spillway_decide::balance::health::Reason;
use spillway_decide::balance::{Class, Fault};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    fault: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

/// The counters; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    series: Arc<Series>,
}

#[derive(Default)]
struct Series {
    faults: Family<FaultLabels, Counter>,
    ejections: Family<ReasonLabels, Counter>,
    full: Family<ClassLabels, Counter>,
    no_budget: Counter,
}

impl Watch {
    pub(crate) fn fault(&self, fault: Fault) {
        self.series.faults.get_or_create(&FaultLabels { fault: fault.as_str() }).inc();
    }

    pub(super) fn ejected(&self, reason: Reason) {
        self.series.ejections.get_or_create(&ReasonLabels { reason: reason.as_str() }).inc();
    }

    pub(crate) fn full(&self, class: Class) {
        let class = match class {
            Class::Own => "own",
            Class::Spilled => "spilled",
        };
        self.series.full.get_or_create(&ClassLabels { class }).inc();
    }

    pub(crate) fn no_budget(&self) {
        self.series.no_budget.inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let series = &self.series;
        registry.register(
            "endpoint_faults",
            "Faults of endpoints by kind: connect, reset, refused, garbage, timeout, cut, stalled; retries hide most \
             of them from clients",
            series.faults.clone(),
        );
        registry.register(
            "endpoint_ejections",
            "Endpoints left out for a while, by reason; /debug/backends says which",
            series.ejections.clone(),
        );
        registry.register(
            "backend_full",
            "Requests refused with 503 because the backend takes no more at a time, by class: own or spilled",
            series.full.clone(),
        );
        registry.register(
            "retry_budget_exhausted",
            "Requests that were not repeated because their backend's retry budget was used up",
            series.no_budget.clone(),
        );
    }
}
