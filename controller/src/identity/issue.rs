//! Issuing certificates: ninety days, renewed after sixty, so that a hub that is away for a month breaks nothing.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

const DAY: Duration = Duration::from_hours(24);
/// How long an identity is valid.
pub(crate) const LIFETIME: Duration = Duration::from_hours(90 * 24);
/// When it is renewed.
pub(crate) const RENEW_AFTER: Duration = Duration::from_hours(60 * 24);
/// How long a CA is valid.
const CA_LIFETIME: Duration = Duration::from_hours(3650 * 24);
/// Clocks differ: certificates are valid from a little before now.
const SKEW: Duration = Duration::from_mins(5);

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// Keys, names or signatures.
    #[error("cannot make a certificate: {0}")]
    Rcgen(#[from] rcgen::Error),
    /// What stands in the way of an object.
    #[error("{0}")]
    Unreadable(String),
}

/// A certificate and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The certificate.
    pub(crate) certificate: String,
    /// Its private key.
    pub(crate) key: String,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive() // the key is nobody's to read
    }
}

/// A new CA for a federation.
pub(crate) fn authority(federation: &str, now: Timestamp) -> Result<Certificate, IssueError> {
    let mut params = params(&format!("Spillway CA of {federation}"), now, CA_LIFETIME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Certificate { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A certificate with this URI name, for both ends of a connection.
pub(crate) fn leaf(ca: &Certificate, uri: &str, now: Timestamp) -> Result<Certificate, IssueError> {
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate, KeyPair::from_pem(&ca.key)?)?;
    let mut params = params("Spillway", now, LIFETIME);
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Certificate { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn params(common_name: &str, now: Timestamp, lifetime: Duration) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default()).max(DAY);
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = epoch + now.saturating_sub(SKEW);
    params.not_after = epoch + now + lifetime;
    params
}
