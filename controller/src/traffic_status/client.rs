//! Asking one gateway for its report: HTTP/2 over mutual TLS, the gateway known by its URI name.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use spillway_decide::report::Report;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::identity::Certificate;

/// All of one question: connecting, asking, answering.
const DEADLINE: Duration = Duration::from_secs(2);
/// Largest report that is read: 64 regions in some hundred priorities.
const MAX_REPORT_BYTES: usize = 4 << 20;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nothing within the deadline.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// TCP or TLS.
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    /// Our own identity is not usable.
    #[error("identity of the hub: {0}")]
    Identity(String),
    /// HTTP.
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    /// Another answer than a report.
    #[error("the gateway answered {0}")]
    Status(hyper::StatusCode),
    /// Not a report.
    #[error("the answer is no report: {0}")]
    Body(String),
}

/// A connection to a gateway, kept while it works.
pub(crate) type Connection = http2::SendRequest<Empty<Bytes>>;

/// Asks over a connection that is there, or a new one; gives it back if it goes on working.
pub(crate) async fn ask(
    kept: Option<Connection>,
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> Result<(Report, Connection), AskError> {
    let all = async {
        let mut connection = match kept.filter(|kept| !kept.is_closed()) {
            Some(kept) => kept,
            None => connect(address, config).await?,
        };
        let report = get(&mut connection, address).await?;
        Ok((report, connection))
    };
    timeout(DEADLINE, all).await.map_err(|_| AskError::Deadline)?
}

async fn connect(address: SocketAddr, config: Arc<ClientConfig>) -> Result<Connection, AskError> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::IpAddress(address.ip().into());
    let tls = TlsConnector::from(config).connect(name, tcp).await?;
    let (connection, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await?;
    tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%address, %error, "a gateway's connection ended");
        }
    });
    Ok(connection)
}

async fn get(connection: &mut Connection, address: SocketAddr) -> Result<Report, AskError> {
    connection.ready().await?;
    let uri = format!("https://{address}/.well-known/spillway/report");
    let request = Request::get(uri).body(Empty::new()).map_err(|error| AskError::Body(error.to_string()))?;
    let response = connection.send_request(request).await?;
    if !response.status().is_success() {
        return Err(AskError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_REPORT_BYTES).collect().await;
    let body = body.map_err(|error| AskError::Body(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| AskError::Body(error.to_string()))
}

/// How we present ourselves, and whom we take for the gateway called `uri`.
pub(crate) fn config(identity: &Certificate, bundle: &str, uri: &str) -> Result<Arc<ClientConfig>, AskError> {
    let bad = |error: &dyn std::fmt::Display| AskError::Identity(error.to_string());
    let certificates =
        |pem: &str| CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bundle).map_err(|error| bad(&error))? {
        roots.add(certificate).map_err(|error| bad(&error))?;
    }
    let chain = certificates(&identity.certificate).map_err(|error| bad(&error))?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|error| bad(&error))?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(ByUri { uri: uri.to_owned(), roots, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain, key)
        .map_err(|error| bad(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

/// A server is whom its certificate's URI name says, if our CA signed it. Addresses prove nothing here.
#[derive(Debug)]
struct ByUri {
    uri: String,
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ByUri {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        if uris(end_entity).contains(&self.uri) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(TlsError::General(format!("the gateway's certificate is not for {}", self.uri)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn uris(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(uri).collect()
}
