//! What a certificate says, and whether it will do. Pure: time is an argument.

use k8s_openapi::jiff::Timestamp;
use x509_parser::{parse_x509_certificate, pem::parse_x509_pem};

use super::RENEW_AFTER;

/// What matters of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its URI name.
    pub(crate) uri: String,
    /// From when it is valid, in seconds since 1970.
    pub(crate) not_before: i64,
    /// Until when.
    pub(crate) not_after: i64,
    /// The key of the CA that signed it.
    pub(crate) issuer_key: Vec<u8>,
}

/// Whether an identity will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It will.
    Keep,
    /// Another one is needed; why.
    Renew(&'static str),
}

impl Facts {
    /// Reads the first certificate of a PEM.
    pub(crate) fn of(pem: &[u8]) -> Option<Self> {
        let (_, pem) = parse_x509_pem(pem).ok()?;
        let (_, certificate) = parse_x509_certificate(&pem.contents).ok()?;
        let uri = spillway_identity::uri_name(&pem.contents).ok()?;
        let issuer_key =
            certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(id) => {
                    id.key_identifier.as_ref().map(|id| id.0.to_vec())
                }
                _ => None,
            })?;
        let validity = certificate.validity();
        Some(Self {
            uri,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            issuer_key,
        })
    }
}

/// The key identifier that a CA's certificate states.
pub(crate) fn authority_key(pem: &[u8]) -> Option<Vec<u8>> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).ok()?;
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    })
}

/// Whether an identity of `uri`, signed by the CA with `issuer_key`, will do at `now`.
pub(crate) fn examine(facts: Option<&Facts>, uri: &str, issuer_key: &[u8], now: Timestamp) -> Verdict {
    let Some(facts) = facts else { return Verdict::Renew("there is none, or it is not readable") };
    let age = now.as_second() - facts.not_before;
    if facts.uri != uri {
        Verdict::Renew("it is for another name")
    } else if facts.issuer_key != issuer_key {
        Verdict::Renew("another CA signed it")
    } else if age < 0 {
        Verdict::Renew("it is from the future")
    } else if age >= i64::try_from(RENEW_AFTER.as_secs()).unwrap_or(i64::MAX) {
        Verdict::Renew("it is sixty days old")
    } else {
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::{Timestamp, ToSpan};

    use super::{
        super::issue::{authority, leaf},
        Facts, Verdict, authority_key, examine,
    };

    #[test]
    fn renewed_after_sixty_days_and_when_anything_is_wrong() {
        let begin: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let (ca, other) = (authority("f", begin).unwrap(), authority("f", begin).unwrap());
        let uri = "spiffe://f/region/r/member/m";
        let facts = Facts::of(leaf(&ca, uri, begin).unwrap().certificate.as_bytes()).unwrap();
        let key = |ca: &super::super::Certificate| authority_key(ca.certificate.as_bytes()).unwrap();
        let after = |days: i64| begin + (days * 24).hours();
        let verdict = |uri, ca, days| examine(Some(&facts), uri, &key(ca), after(days));
        assert_eq!(facts.not_after - begin.as_second(), 90 * 24 * 3600);
        assert_eq!(verdict(uri, &ca, 0), Verdict::Keep);
        assert_eq!(verdict(uri, &ca, 59), Verdict::Keep);
        for (verdict, why) in [
            (verdict(uri, &ca, 60), "sixty"),
            (verdict("spiffe://f/hub", &ca, 0), "name"),
            (verdict(uri, &other, 0), "CA"),
            (verdict(uri, &ca, -1), "future"),
            (examine(None, uri, &key(&ca), begin), "none"),
        ] {
            assert!(matches!(verdict, Verdict::Renew(text) if text.contains(why)), "{why}: {verdict:?}");
        }
    }
}
