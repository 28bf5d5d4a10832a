//! Both ends of mutual TLS, for who plays a peer.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::controlplane::pki::Pair;

const HTTP2: &[u8] = b"h2";

/// The end that is called, and the end that calls.
pub(super) fn ends(pair: &Pair, authorities: &str) -> Result<(Arc<ServerConfig>, Arc<ClientConfig>)> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authorities.as_bytes()).context("the authority")?)?;
    let roots = Arc::new(roots);
    let chain = || -> Result<Vec<CertificateDer<'static>>> {
        Ok(vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).context("the certificate")?])
    };
    let key = || PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).context("the key");
    let known =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build()?;
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(known)
        .with_single_cert(chain()?, key()?)?;
    server.alpn_protocols = vec![HTTP2.to_vec()];
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain()?, key()?)?;
    client.alpn_protocols = vec![HTTP2.to_vec()];
    Ok((Arc::new(server), Arc::new(client)))
}
