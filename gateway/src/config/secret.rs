//! The identity Secret as credentials.

use k8s_openapi::api::core::v1::Secret;
use spillway_crds::names::secrets;

use super::{Credentials, Identity};
use crate::mtls::{TlsError, own_identity, server_config};

/// Reads the Secret and makes sure that `own` gateway can use it, before it takes the place of one that could.
pub(super) fn read(secret: &Secret, own: &Identity) -> Result<(Credentials, String), TlsError> {
    let field = |name: &'static str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(name)).map(|bytes| bytes.0.clone());
        bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| TlsError::Missing {
            field: name,
            reason: "is missing or no text; tls.crt, tls.key and ca.crt are required, in PEM",
        })
    };
    let credentials = Credentials {
        certificate_pem: field(secrets::TLS_CRT)?,
        key_pem: field(secrets::TLS_KEY)?,
        authorities_pem: field(secrets::CA_CRT)?,
    };
    let federation = check(&credentials, own)?;
    Ok((credentials, federation))
}

/// Makes sure that `own` gateway can use the credentials, and says which federation they are of.
pub(crate) fn check(credentials: &Credentials, own: &Identity) -> Result<String, TlsError> {
    // Key, chain and authorities have to fit each other, too.
    server_config(credentials)?;
    let identity = own_identity(credentials)?;
    if (identity.region.as_ref(), identity.member.as_ref()) != (Some(&own.region), Some(&own.member)) {
        let own = format!("region {}, member {}", own.region, own.member);
        return Err(TlsError::Stranger { found: identity.to_string(), own });
    }
    Ok(identity.federation)
}
