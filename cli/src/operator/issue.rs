//! Making a credential out of the CA that the hub keeps: whoever may read that Secret may make one.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use spillway_crds::names::operator_identity;
use x509_parser::{parse_x509_certificate, pem::parse_x509_pem};

use super::credential::{Credential, Gateway, KIND};

/// Clocks differ: valid from a little before now.
const SKEW: std::time::Duration = std::time::Duration::from_mins(5);
/// What the controller calls a CA that it makes.
const CA_NAME: &str = "Spillway CA of ";

/// What a credential is made of.
pub(crate) struct Issuing {
    /// The CA's certificate, its key, and everybody who is trusted, as PEM.
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) authorities: String,
    /// UID of the hub's kube-system namespace: the name of a federation that was given none.
    pub(crate) hub_uid: String,
    pub(crate) gateways: Vec<Gateway>,
}

impl Issuing {
    /// The federation: what a CA of the controller's making is named after, else the hub.
    pub(crate) fn federation(&self) -> String {
        named(&self.certificate).unwrap_or_else(|| self.hub_uid.clone())
    }
}

/// Makes a credential for a person.
pub(crate) fn issue(
    from: &Issuing,
    operator: &str,
    lifetime: std::time::Duration,
    now: Timestamp,
) -> Result<Credential> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if operator.is_empty() || operator.len() > 63 || !operator.chars().all(allowed) {
        bail!("operator {operator:?}: 1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.' are allowed");
    }
    let federation = from.federation();
    let ca_key = KeyPair::from_pem(&from.key).context("tls.key of the Secret spillway-ca")?;
    let issuer =
        Issuer::from_ca_cert_pem(&from.certificate, ca_key).context("tls.crt of the Secret spillway-ca")?;
    let key = KeyPair::generate()?;
    let uri = operator_identity(&federation, operator);
    let certificate = params(&uri, lifetime, now)?.signed_by(&key, &issuer)?;
    Ok(Credential {
        kind: KIND.to_owned(),
        operator: operator.to_owned(),
        federation,
        expires: now + lifetime,
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        authorities: from.authorities.clone(),
        gateways: from.gateways.clone(),
    })
}

/// For calling gateways only: it can be nobody's server.
fn params(uri: &str, lifetime: std::time::Duration, now: Timestamp) -> Result<CertificateParams> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Spillway operator");
    let since = std::time::Duration::from_secs(u64::try_from(now.as_second())?);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    params.not_before = date_time_ymd(1970, 1, 1) + since.saturating_sub(SKEW);
    params.not_after = date_time_ymd(1970, 1, 1) + since + lifetime;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The federation that a CA of the controller's making says it is of.
fn named(certificate: &str) -> Option<String> {
    let (_, pem) = parse_x509_pem(certificate.as_bytes()).ok()?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    name.strip_prefix(CA_NAME).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, IsCa};

    use super::*;
    use crate::operator::credential::Gateway;
    use crate::operator::tls;

    fn issuing(name: &str) -> Issuing {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Issuing {
            authorities: certificate.clone(),
            certificate,
            key: key.serialize_pem(),
            hub_uid: "uid".to_owned(),
            gateways: Vec::new(),
        }
    }

    #[test]
    fn a_credential_names_its_operator_and_ends() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let credential =
            issue(&issuing("Spillway CA of fed"), "alice", Duration::from_hours(24), now).unwrap();
        let (_, pem) = parse_x509_pem(credential.certificate.as_bytes()).unwrap();
        let (_, certificate) = parse_x509_certificate(&pem.contents).unwrap();
        assert_eq!(spillway_identity::uri_name(&pem.contents).unwrap(), "spiffe://fed/operator/alice");
        assert_eq!(certificate.validity().not_after.timestamp(), now.as_second() + 86_400);
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth, "it is nobody's server");
        let gateway =
            Gateway { member: "m".into(), region: "r".into(), addresses: Vec::new(), identity: None };
        assert!(tls::config(&credential, &gateway).is_ok());
        let other = issue(&issuing("our own CA"), "alice", Duration::from_hours(24), now).unwrap();
        assert_eq!(other.federation, "uid", "as the controller names a federation that was given no name");
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        for name in ["", "a/b", "alice smith", "ä"] {
            let refused =
                issue(&issuing("CA"), name, Duration::from_hours(1), Timestamp::now()).err().unwrap();
            assert!(refused.to_string().contains("are allowed"), "{name:?}: {refused}");
        }
    }

    #[test]
    fn a_credential_that_expired_or_is_none_is_refused() {
        let directory = std::env::temp_dir().join(format!("spillway-credential-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("alice.json");
        let made: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let credential = issue(&issuing("CA"), "alice", Duration::from_hours(1), made).unwrap();
        std::fs::write(&path, serde_json::to_string(&credential).unwrap()).unwrap();
        let read = |hours: u64| Credential::read(&path, made + Duration::from_hours(hours));
        assert!(read(0).is_ok());
        assert!(read(1).err().unwrap().to_string().contains("expired at 2026-11-23T01:00:00Z"));
        for (minutes, lasts) in [(59, true), (60, true), (61, false)] {
            let asked = credential.lasts(made, Duration::from_mins(minutes));
            assert_eq!(asked.is_ok(), lasts, "{minutes}: {asked:?}");
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(read(0).err().unwrap().to_string().contains("this is no OperatorCredential"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
