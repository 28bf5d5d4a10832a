//! The figures of the front door's TLS; when certificates expire is read when Prometheus asks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Keys;

/// Series of more certificates than that would cost more than they tell.
const MAX: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    certificate: String,
}

pub(super) fn register(keys: &Arc<Keys>, registry: &mut Registry) {
    registry.register(
        "tls_handshakes_failed",
        "TLS handshakes at the front door that did not come about",
        keys.failed.clone(),
    );
    registry.register(
        "tls_handshakes_without_certificate",
        "Of these, those for a host that has no certificate while there is no default one",
        keys.unknown.clone(),
    );
    registry.register_collector(Box::new(Expiries(Arc::clone(keys))));
}

#[derive(Debug)]
struct Expiries(Arc<Keys>);

impl Collector for Expiries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "certificate_expiry_timestamp_seconds",
            "When a certificate of the front door expires, in seconds since the epoch",
            None,
            MetricType::Gauge,
        )?;
        for (certificate, at) in self.0.table.load().expiries().take(MAX) {
            let labels = Labels { certificate: certificate.clone() };
            ConstGauge::new(at).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
