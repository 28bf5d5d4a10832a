//! A certificate and its key, checked: from PEM to what a handshake signs with.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::KeyPair;

/// Why a pair cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// The chain.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The key.
    #[error("key: {0}")]
    Key(String),
    /// Both.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(rustls::Error),
}

/// A pair that can be used.
#[derive(Clone, Debug)]
pub(crate) struct Certified {
    /// For handshakes.
    pub(crate) key: Arc<CertifiedKey>,
    /// Seconds since the epoch at which the leaf expires. An expired one is served all the same: some clients
    /// take it, and none would take a refused connection.
    pub(crate) not_after: i64,
}

/// Parses a pair and makes sure that its halves belong together.
pub(crate) fn certify(pair: &KeyPair) -> Result<Certified, CertificateError> {
    let broken = |error: &dyn std::fmt::Display| CertificateError::Certificate(error.to_string());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| broken(&error))?;
    let leaf = chain.first().ok_or_else(|| broken(&"no certificate in PEM was found"))?;
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|error| broken(&error))?;
    let not_after = parsed.validity().not_after.timestamp();
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes())
        .map_err(|error| CertificateError::Key(error.to_string()))?;
    let key =
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(CertificateError::Pair)?;
    Ok(Certified { key: Arc::new(key), not_after })
}
