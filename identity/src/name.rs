//! The URI name in a certificate: `spiffe://<federation>/region/<region>/member/<member>` of a gateway,
//! `spiffe://<federation>/hub`, or `spiffe://<federation>/operator/<name>` of a person who may command.

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
    /// The caller's region; none for the hub and for operators.
    pub region: Option<String>,
    /// The caller's member; none for the hub and for operators.
    pub member: Option<String>,
    /// Whether the caller is the hub's controller.
    pub hub: bool,
    /// The name of a person who may command.
    pub operator: Option<String>,
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
        "identity {0:?} is none of spiffe://<federation>/region/<region>/member/<member>, spiffe://<federation>/hub \
         and spiffe://<federation>/operator/<name>"
    )]
    Shape(String),
}

impl CallerIdentity {
    /// Reads the identity out of a DER certificate.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        uri_name(der)?.parse()
    }

    fn nobody(federation: &str) -> Self {
        Self { federation: federation.to_owned(), region: None, member: None, hub: false, operator: None }
    }
}

/// The one URI name of a certificate.
pub fn uri_name(der: &[u8]) -> Result<String, IdentityError> {
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
            [federation, "hub"] => Ok(Self { hub: true, ..Self::nobody(federation) }),
            [federation, "operator", name] => {
                Ok(Self { operator: Some((*name).to_owned()), ..Self::nobody(federation) })
            }
            [federation, "region", region, "member", member] => Ok(Self {
                region: Some((*region).to_owned()),
                member: Some((*member).to_owned()),
                ..Self::nobody(federation)
            }),
            _ => Err(shape()),
        }
    }
}

impl fmt::Display for CallerIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.region, &self.member, &self.operator) {
            (Some(region), Some(member), _) => {
                write!(formatter, "spiffe://{}/region/{region}/member/{member}", self.federation)
            }
            (_, _, Some(name)) => write!(formatter, "spiffe://{}/operator/{name}", self.federation),
            _ => write!(formatter, "spiffe://{}/hub", self.federation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_round_trip() {
        for uri in
            ["spiffe://f1/hub", "spiffe://f1/region/shenzhen/member/sz-1", "spiffe://f1/operator/alice"]
        {
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
            "spiffe://f1/operator",
            "spiffe://f1/operator/a/b",
        ] {
            assert_eq!(uri.parse::<CallerIdentity>(), Err(IdentityError::Shape(uri.to_owned())), "{uri:?}");
        }
    }
}
