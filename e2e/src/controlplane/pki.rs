//! The certificates of one cluster: its own CA, the API server's serving certificate, a client certificate for
//! each user, and the key that signs service account tokens.

use std::net::Ipv4Addr;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// A certificate (or public key) and its private key, in PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The public half.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

/// The CA of one cluster.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new CA.
    pub fn new(cluster: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("spillway test world: {cluster}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The CA's certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a server at these addresses.
    pub fn server(&self, name: &str, addresses: &[Ipv4Addr]) -> Result<Pair> {
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "kubernetes.default.svc".to_owned()])?;
        params
            .subject_alt_names
            .extend(addresses.iter().map(|address| SanType::IpAddress((*address).into())));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, name, &[])
    }

    /// A certificate for a user: its common name is the user, its organisations are the groups.
    pub fn client(&self, user: &str, groups: &[&str]) -> Result<Pair> {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, user, groups)
    }

    /// A certificate for a gateway: one URI name, and its address, for both ends of mutual TLS.
    pub fn gateway(&self, identity: &str, address: Ipv4Addr) -> Result<Pair> {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            vec![SanType::URI(identity.try_into()?), SanType::IpAddress(address.into())];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, "gateway", &[])
    }

    fn sign(&self, mut params: CertificateParams, name: &str, groups: &[&str]) -> Result<Pair> {
        params.distinguished_name.push(DnType::CommonName, name);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }
}

/// The key that signs service account tokens, and (as `certificate`) the public key that checks them.
pub fn service_accounts() -> Result<Pair> {
    let key = KeyPair::generate()?;
    Ok(Pair { certificate: key.public_key_pem(), key: key.serialize_pem() })
}
