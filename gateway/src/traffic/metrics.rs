//! Verdicts, shares and SLIs for Prometheus, read from what was decided last.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use spillway_decide::Verdict;
use spillway_decide::report::PriorityView;

use super::Traffic;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    priority: String,
    region: String,
}

impl Traffic {
    /// Adds verdicts, shares and SLIs to a registry. They are read when it is.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Believed(self.clone())));
    }
}

/// Reads the state of the loop for each scrape.
struct Believed(Traffic);

impl fmt::Debug for Believed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Believed")
    }
}

impl Collector for Believed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let priorities = self.0.state().priorities;
        for (name, help, value) in SERIES {
            family(&mut encoder, name, help, &priorities, *value)?;
        }
        moved_routes(&mut encoder, &priorities)?;
        commands(&mut encoder, &self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPriority {
    priority: String,
}

/// How many routes of this gateway's region are exceptions: zero is told, too, so that an alert can be made of it.
fn moved_routes(
    encoder: &mut DescriptorEncoder<'_>,
    priorities: &BTreeMap<String, PriorityView>,
) -> fmt::Result {
    let help = "Routes of this gateway's region that are Degraded or Recovering on their own, and move alone";
    let mut encoder = encoder.encode_descriptor("moved_routes", help, None, MetricType::Gauge)?;
    for (priority, view) in priorities {
        let shown = u32::try_from(view.routes.len()).unwrap_or(u32::MAX);
        let labels = OfPriority { priority: priority.clone() };
        ConstGauge::new(shown.saturating_add(view.more_routes)).encode(encoder.encode_family(&labels)?)?;
    }
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Commanded {
    kind: String,
    region: String,
    priority: String,
    by: String,
}

/// Each command in force, with its end; the priority is empty when it is about all.
fn commands(encoder: &mut DescriptorEncoder<'_>, traffic: &Traffic) -> fmt::Result {
    let help = "When a command that is in force on a region ends, in seconds since 1970";
    let name = "command_expires_timestamp_seconds";
    let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for command in traffic.commands().into_iter().filter(|command| !command.revoked) {
        let labels = Commanded {
            kind: format!("{:?}", command.kind),
            region: command.region,
            priority: command.priority.unwrap_or_default(),
            by: command.by,
        };
        ConstGauge::new(command.expires_at.0 / 1000).encode(encoder.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A figure of one region; none where this gateway does not have it.
type Figure = fn(&PriorityView, &str) -> Option<f64>;

const SERIES: &[(&str, &str, Figure)] = &[
    (
        "verdict",
        "Verdict of a region as this gateway sees it: 0 Healthy, 1 Suspected, 2 Recovering, 3 Degraded",
        |view, region| Some(number(view.regions.get(region)?.verdict)),
    ),
    ("votes_bad", "Other regions that vote a region's front door bad", |view, region| {
        Some(view.regions.get(region)?.votes_bad.into())
    }),
    ("share_percent", "Percent of this gateway's own arrivals that a region serves", |view, region| {
        Some(view.shares.get(region).copied().unwrap_or_default().into())
    }),
    ("answered", "1 for the region that this gateway's DNS answers with, else 0", |view, region| {
        let answered = view.answer.as_ref().is_some_and(|answer| answer.region == region);
        Some(if answered { 1.0 } else { 0.0 })
    }),
    ("sli_error_percent", "Percent of requests in the window that failed", |view, region| {
        Some(view.regions.get(region)?.sli.as_ref()?.error_percent)
    }),
    (
        "sli_latency_p95_milliseconds",
        "95th percentile of latency in the window, within one percent",
        |view, region| {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds, far below 2^52")]
            Some(view.regions.get(region)?.sli.as_ref()?.latency_p95_milliseconds as f64)
        },
    ),
    (
        "sli_forwarded_error_percent",
        "Percent of what other regions forward here that failed",
        |view, region| Some(view.regions.get(region)?.sli.as_ref()?.forwarded.as_ref()?.error_percent),
    ),
    (
        "sli_forwarded_slow_percent",
        "Percent of what other regions forward here that passed the latency bound",
        |view, region| Some(view.regions.get(region)?.sli.as_ref()?.forwarded.as_ref()?.slow_percent),
    ),
    ("sli_availability_percent", "Percent of probes in the window that succeeded", |view, region| {
        Some(view.regions.get(region)?.sli.as_ref()?.availability_percent)
    }),
];

fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    priorities: &BTreeMap<String, PriorityView>,
    figure: Figure,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (priority, view) in priorities {
        for region in view.regions.keys() {
            if let Some(value) = figure(view, region) {
                let labels = Labels { priority: priority.clone(), region: region.clone() };
                ConstGauge::new(value).encode(encoder.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn number(verdict: Verdict) -> f64 {
    match verdict {
        Verdict::Healthy => 0.0,
        Verdict::Suspected => 1.0,
        Verdict::Recovering => 2.0,
        Verdict::Degraded => 3.0,
    }
}
