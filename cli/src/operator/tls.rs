//! TLS to a gateway: we show the operator's certificate, the gateway one of a member of the same federation.

use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use spillway_identity::{Expected, Material};
use x509_parser::parse_x509_certificate;

use super::credential::{Credential, Gateway};

pub(super) fn config(credential: &Credential, gateway: &Gateway) -> Result<Arc<ClientConfig>> {
    let any = || Expected::AnyGatewayOf(credential.federation.clone());
    let expected = gateway.identity.clone().map_or_else(any, Expected::Exactly);
    let material = Material::parse(&credential.certificate, &credential.key, &credential.authorities);
    let config = material.and_then(|material| material.client(expected)).context("the credential")?;
    Ok(Arc::new(config))
}

/// When a certificate ends.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
