//! TLS to a gateway: we show the operator's certificate, the gateway one of a member of the same federation.

use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use super::credential::{Credential, Gateway};

pub(super) fn config(credential: &Credential, gateway: &Gateway) -> Result<Arc<ClientConfig>> {
    let certificates =
        |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let mut roots = RootCertStore::empty();
    for authority in certificates(&credential.authorities).context("authorities of the credential")? {
        roots.add(authority)?;
    }
    let chain = certificates(&credential.certificate).context("certificate of the credential")?;
    let key = PrivateKeyDer::from_pem_slice(credential.key.as_bytes()).context("key of the credential")?;
    let provider = Arc::new(ring::default_provider());
    let members = format!("spiffe://{}/region/", credential.federation);
    let verifier = Member { roots, provider: provider.clone(), members, exactly: gateway.identity.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

/// A gateway is whom its certificate's URI name says, if the federation's CA signed it. Addresses prove nothing.
#[derive(Debug)]
struct Member {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
    members: String,
    exactly: Option<String>,
}

impl ServerCertVerifier for Member {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        let name = uri(end_entity).unwrap_or_default();
        let meant = match &self.exactly {
            Some(exactly) => name == *exactly,
            None => name.starts_with(&self.members),
        };
        if meant {
            return Ok(ServerCertVerified::assertion());
        }
        let expected = self.exactly.as_ref().unwrap_or(&self.members);
        Err(Error::General(format!("the gateway is {name:?}, but {expected} was expected there")))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

pub(super) fn uri(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    })
}

/// When a certificate ends.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
