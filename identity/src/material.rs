//! From PEM texts to rustls configurations.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::name::{CallerIdentity, IdentityError};
use crate::verify::{ByName, Expected};

/// Only HTTP/2 is spoken within a federation.
const PROTOCOL: &[u8] = b"h2";

/// One of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Our certificate, and those between it and the authority.
    Certificate,
    /// Its key.
    Key,
    /// Whom we trust.
    Authorities,
}

impl Part {
    /// The key of a Secret that holds it, as Kubernetes names them.
    #[must_use]
    pub fn key_of_secret(self) -> &'static str {
        match self {
            Self::Certificate => "tls.crt",
            Self::Key => "tls.key",
            Self::Authorities => "ca.crt",
        }
    }
}

/// What is wrong with the texts.
#[derive(Debug, Error)]
pub enum MaterialError {
    /// One does not parse.
    #[error("{}: {reason}", part.key_of_secret())]
    Pem {
        /// Which one.
        part: Part,
        /// What the parser said.
        reason: String,
    },
    /// The certificate names nobody.
    #[error("tls.crt: {0}")]
    Identity(#[from] IdentityError),
    /// They do not fit each other.
    #[error("cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
}

/// What we show, and whom we trust.
pub struct Material {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Material {
    /// Reads the three PEM texts.
    pub fn parse(certificate: &str, key: &str, authorities: &str) -> Result<Self, MaterialError> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| bad(Part::Key, error))?;
        let mut roots = RootCertStore::empty();
        for authority in certificates(Part::Authorities, authorities)? {
            roots.add(authority)?;
        }
        Ok(Self { chain: certificates(Part::Certificate, certificate)?, key, roots: Arc::new(roots) })
    }

    /// For calling those who are `expected`, and nobody else.
    pub fn client(self, expected: Expected) -> Result<ClientConfig, MaterialError> {
        let verifier = ByName { roots: self.roots, expected, provider: provider() };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(self.chain, self.key)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(config)
    }

    /// For being called: every caller must present a certificate of the federation.
    pub fn server(self) -> Result<ServerConfig, MaterialError> {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots, provider())
            .build()
            .map_err(|error| bad(Part::Authorities, error))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain, self.key)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(config)
    }
}

impl CallerIdentity {
    /// Who a certificate in PEM says that its holder is.
    pub fn of_pem(certificate: &str) -> Result<Self, MaterialError> {
        let chain = certificates(Part::Certificate, certificate)?;
        let leaf = chain.first().ok_or(IdentityError::UriNames(0))?;
        Ok(Self::from_certificate(leaf)?)
    }
}

/// When a certificate in PEM ends, in seconds since the epoch: the leaf, where there is a chain.
pub fn expiry_of_pem(certificate: &str) -> Result<i64, MaterialError> {
    let chain = certificates(Part::Certificate, certificate)?;
    let leaf = chain.first().ok_or(IdentityError::UriNames(0))?;
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|error| bad(Part::Certificate, error))?;
    Ok(leaf.validity().not_after.timestamp())
}

fn certificates(part: Part, pem: &str) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| bad(part, error))?;
    if found.is_empty() {
        return Err(bad(part, "at least one certificate is required"));
    }
    Ok(found)
}

fn bad(part: Part, reason: impl std::fmt::Display) -> MaterialError {
    MaterialError::Pem { part, reason: reason.to_string() }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
