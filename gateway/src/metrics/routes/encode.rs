//! Routes' counters as Prometheus reads them. Nothing is kept ready for it: a scrape is rare, a request is not.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;

use super::Routes;
use super::series::{Hop, Series};
use crate::metrics::labels::RequestLabels;

const REQUESTS: &str = "Requests answered at the front door and on the spill listener, by ingress, status code and \
                        who served them (here, here_for_other, by_other, nobody)";
const BY_ROUTE: &str = "Requests answered, by route, the region that served them, hop (local, or spill when that is \
                        not the region where they arrived) and class of the status code; errors are 5xx";
const DURATION: &str = "Seconds from receiving a request to the head of the response, by route, the region that \
                        served it and hop";

/// Reads the counters for each scrape.
pub(in crate::metrics) struct Encoder(pub(in crate::metrics) Arc<Routes>);

impl fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Routes")
    }
}

impl Collector for Encoder {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.ingresses(&mut encoder)?;
        let all = self.0.all();
        requests(&mut encoder, &all)?;
        durations(&mut encoder, &all)
    }
}

impl Encoder {
    fn ingresses(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor("requests", REQUESTS, None, MetricType::Counter)?;
        for ingress in self.0.ingresses() {
            for (code, served, counter) in ingress.codes() {
                let labels = RequestLabels { ingress: ingress.name.clone(), code, served };
                counter.encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn requests(encoder: &mut DescriptorEncoder<'_>, all: &[Arc<Series>]) -> fmt::Result {
    let mut family = encoder.encode_descriptor("route_requests", BY_ROUTE, None, MetricType::Counter)?;
    for series in all {
        series.each(|hop| {
            let labels = labels(series, hop);
            hop.classes().try_for_each(|(class, counter)| {
                let labels = [&labels[..], &[("code_class", class)]].concat();
                counter.encode(family.encode_family(&labels)?)
            })
        })?;
    }
    Ok(())
}

fn durations(encoder: &mut DescriptorEncoder<'_>, all: &[Arc<Series>]) -> fmt::Result {
    let name = "route_request_duration_seconds";
    let mut family = encoder.encode_descriptor(name, DURATION, None, MetricType::Histogram)?;
    for series in all {
        series.each(|hop| hop.duration.encode(family.encode_family(&labels(series, hop).to_vec())?))?;
    }
    Ok(())
}

fn labels<'a>(series: &'a Series, hop: &'a Hop) -> [(&'static str, &'a str); 4] {
    [
        ("ingress", &series.ingress_name),
        ("route", &series.pattern),
        ("region", &hop.region),
        ("hop", if hop.spilled { "spill" } else { "local" }),
    ]
}
