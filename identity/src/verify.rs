//! Trust in a server: a certificate of the federation's authority that carries an expected name.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::name::{CallerIdentity, uri_name};

/// Whom a connection is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The one with this URI name, not merely some member of the federation.
    Exactly(String),
    /// Any gateway of this federation: for who has an address and no name yet.
    AnyGatewayOf(String),
}

impl Expected {
    fn admits(&self, name: &str) -> bool {
        match self {
            Self::Exactly(expected) => name == expected,
            Self::AnyGatewayOf(federation) => name
                .parse::<CallerIdentity>()
                .is_ok_and(|caller| caller.federation == *federation && caller.member.is_some()),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => formatter.write_str(name),
            Self::AnyGatewayOf(federation) => write!(formatter, "a gateway of {federation}"),
        }
    }
}

/// Asks who the server is and not where: addresses prove nothing here.
#[derive(Debug)]
pub(crate) struct ByName {
    /// The authorities of the federation.
    pub(crate) roots: Arc<RootCertStore>,
    /// Whom we meant to call.
    pub(crate) expected: Expected,
    /// Signature algorithms.
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ByName {
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
        match uri_name(end_entity) {
            Ok(name) if self.expected.admits(&name) => Ok(ServerCertVerified::assertion()),
            Ok(name) => {
                Err(Error::General(format!("the peer is {name}, but {} was expected here", self.expected)))
            }
            Err(error) => {
                tracing::debug!(%error, "peer certificate without a usable identity");
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::Expected;

    #[test]
    fn a_name_is_meant_or_not() {
        let exactly = Expected::Exactly("spiffe://f/region/a/member/b".into());
        let any = Expected::AnyGatewayOf("f".into());
        for (name, is_exactly, is_any) in [
            ("spiffe://f/region/a/member/b", true, true),
            ("spiffe://f/region/a/member/c", false, true),
            ("spiffe://f/region/a", false, false),
            ("spiffe://f/hub", false, false),
            ("spiffe://f/operator/alice", false, false),
            ("spiffe://ff/region/a/member/b", false, false),
            ("", false, false),
        ] {
            assert_eq!((exactly.admits(name), any.admits(name)), (is_exactly, is_any), "{name}");
        }
    }
}
