//! From the PEM texts of the identity Secret to rustls configurations.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

use super::identity::{CallerIdentity, IdentityError};
use super::verify::ExactIdentity;
use crate::config::Credentials;

/// Only HTTP/2 is spoken between gateways.
const PROTOCOL: &[u8] = b"h2";

/// What is wrong with the identity Secret.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A PEM text that does not parse.
    #[error("{field} of the identity Secret: {reason}")]
    Pem {
        /// The key of the Secret.
        field: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// The certificate names nobody.
    #[error("tls.crt of the identity Secret: {0}")]
    Identity(#[from] IdentityError),
    /// The pieces do not fit each other.
    #[error("the identity Secret cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    /// It was issued to another.
    #[error("tls.crt of the identity Secret: issued to {found}, but this is the gateway of {own}")]
    Stranger {
        /// Who the certificate says that we are.
        found: String,
        /// Who we are by the flags.
        own: String,
    },
    /// No authority to trust.
    #[error("ca.crt of the identity Secret: {0}")]
    Authorities(String),
}

/// Parsed credentials.
struct Material {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Material {
    fn parse(credentials: &Credentials) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(credentials.key_pem.as_bytes())
            .map_err(|error| TlsError::Pem { field: "tls.key", reason: error.to_string() })?;
        let mut roots = RootCertStore::empty();
        for authority in certificates("ca.crt", &credentials.authorities_pem)? {
            roots.add(authority)?;
        }
        Ok(Self {
            chain: certificates("tls.crt", &credentials.certificate_pem)?,
            key,
            roots: Arc::new(roots),
        })
    }
}

fn certificates(field: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsError::Pem { field, reason: "at least one certificate is required".into() })
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(TlsError::Pem { field, reason: error.to_string() }),
    }
}

/// Who these credentials say that we are.
pub fn own_identity(credentials: &Credentials) -> Result<CallerIdentity, TlsError> {
    let chain = certificates("tls.crt", &credentials.certificate_pem)?;
    let leaf = chain.first().ok_or(IdentityError::UriNames(0))?;
    Ok(CallerIdentity::from_certificate(leaf)?)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// For the spill listener: every caller must present a certificate of the federation.
pub(crate) fn server_config(credentials: &Credentials) -> Result<Arc<ServerConfig>, TlsError> {
    let material = Material::parse(credentials)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(material.roots, provider())
        .build()
        .map_err(|error| TlsError::Authorities(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(material.chain, material.key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

/// For calling the one peer with the identity `expected`.
pub(super) fn client_config(
    credentials: &Credentials,
    expected: &str,
) -> Result<Arc<ClientConfig>, TlsError> {
    let material = Material::parse(credentials)?;
    let verifier =
        ExactIdentity { roots: material.roots, expected: expected.to_owned(), provider: provider() };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(material.chain, material.key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}
