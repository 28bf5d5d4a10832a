//! The identity Secret as rustls configurations.

use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};
use spillway_identity::{CallerIdentity, Expected, Material, MaterialError};
use thiserror::Error;

use crate::config::Credentials;

/// What is wrong with the identity Secret.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A text is missing, or is not text.
    #[error("{field} of the identity Secret: {reason}")]
    Missing {
        /// The key of the Secret.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// What is there cannot be used.
    #[error("identity Secret: {0}")]
    Material(#[from] MaterialError),
    /// It was issued to another.
    #[error("tls.crt of the identity Secret: issued to {found}, but this is the gateway of {own}")]
    Stranger {
        /// Who the certificate says that we are.
        found: String,
        /// Who we are by the flags.
        own: String,
    },
}

/// Who these credentials say that we are.
pub fn own_identity(credentials: &Credentials) -> Result<CallerIdentity, TlsError> {
    Ok(CallerIdentity::of_pem(&credentials.certificate_pem)?)
}

/// For the spill listener: every caller must present a certificate of the federation.
pub(crate) fn server_config(credentials: &Credentials) -> Result<Arc<ServerConfig>, TlsError> {
    Ok(Arc::new(material(credentials)?.server()?))
}

/// For calling the one peer with the identity `expected`.
pub(super) fn client_config(
    credentials: &Credentials,
    expected: &str,
) -> Result<Arc<ClientConfig>, TlsError> {
    Ok(Arc::new(material(credentials)?.client(Expected::Exactly(expected.to_owned()))?))
}

fn material(credentials: &Credentials) -> Result<Material, MaterialError> {
    Material::parse(&credentials.certificate_pem, &credentials.key_pem, &credentials.authorities_pem)
}
