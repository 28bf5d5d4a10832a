//! The URI name in a gateway's certificate: `spiffe://<federation>/region/<region>/member/<member>`, or
//! `spiffe://<federation>/hub`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Who is at the other end of a mutually authenticated connection; found in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallerIdentity {
    /// The federation that issued the certificate.
    pub federation: String,
    /// The caller's region; none for the hub.
    pub region: Option<String>,
    /// The caller's member; none for the hub.
    pub member: Option<String>,
    /// Whether the caller is the hub's controller.
    pub hub: bool,
}

/// Why a certificate names nobody we know how to name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Not an X.509 certificate.
    #[error("the certificate cannot be parsed: {0}")]
    Certificate(String),
    /// A certificate must carry exactly one URI name.
    #[error("the certificate carries {0} URI names, exactly one is allowed")]
    UriNames(usize),
    /// The URI has another shape.
    #[error(
        "identity {0:?} is neither spiffe://<federation>/region/<region>/member/<member> nor spiffe://<federation>/hub"
    )]
    Shape(String),
}

impl CallerIdentity {
    /// Reads the identity out of a DER certificate.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        uri_name(der)?.parse()
    }
}

/// The one URI name of a certificate.
pub(super) fn uri_name(der: &[u8]) -> Result<String, IdentityError> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| IdentityError::Certificate(error.to_string()))?;
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| IdentityError::Certificate(error.to_string()))?
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.count()) {
        (Some(uri), 0) => Ok(uri.to_owned()),
        (first, rest) => Err(IdentityError::UriNames(usize::from(first.is_some()) + rest)),
    }
}

impl FromStr for CallerIdentity {
    type Err = IdentityError;

    fn from_str(uri: &str) -> Result<Self, Self::Err> {
        let shape = || IdentityError::Shape(uri.to_owned());
        let segments: Vec<&str> = uri.strip_prefix("spiffe://").ok_or_else(shape)?.split('/').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(shape());
        }
        match segments.as_slice() {
            [federation, "hub"] => {
                Ok(Self { federation: (*federation).to_owned(), region: None, member: None, hub: true })
            }
            [federation, "region", region, "member", member] => Ok(Self {
                federation: (*federation).to_owned(),
                region: Some((*region).to_owned()),
                member: Some((*member).to_owned()),
                hub: false,
            }),
            _ => Err(shape()),
        }
    }
}

impl fmt::Display for CallerIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.region, &self.member) {
            (Some(region), Some(member)) => {
                write!(formatter, "spiffe://{}/region/{region}/member/{member}", self.federation)
            }
            _ => write!(formatter, "spiffe://{}/hub", self.federation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_round_trip() {
        for uri in ["spiffe://f1/hub", "spiffe://f1/region/shenzhen/member/sz-1"] {
            assert_eq!(uri.parse::<CallerIdentity>().unwrap().to_string(), uri);
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for uri in [
            "",
            "spiffe://",
            "spiffe:///hub",
            "https://f1/hub",
            "spiffe://f1/region/a",
            "spiffe://f1/region//member/b",
            "spiffe://f1/region/a/member/b/",
            "spiffe://f1/hub/x",
        ] {
            assert_eq!(uri.parse::<CallerIdentity>(), Err(IdentityError::Shape(uri.to_owned())), "{uri:?}");
        }
    }
}
