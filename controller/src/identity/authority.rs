//! The CA: read from its Secret on the hub, made once by the first leader if there is none.

use std::time::Duration;

use k8s_openapi::{ByteString, api::core::v1::Secret, jiff::Timestamp};
use kube::{Api, Client, api::ApiResource};
use parking_lot::Mutex;
use serde_json::json;
use spillway_crds::names::{hub_identity, labels, secrets};

use super::{
    Certificate, IssueError, RENEW_AFTER,
    facts::authority_key,
    issue::{authority, leaf},
};
use crate::apply::{WriteError, Writer, dynamic};

/// Why there is no CA.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// The hub refused.
    #[error("Secret {name}: {0}", name = secrets::CA)]
    Write(#[from] WriteError),
    /// Making one failed.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The Secret is there and is no CA.
    #[error(
        "Secret {name}: key {0} is missing or not readable; allowed is PEM in tls.crt, tls.key and ca.crt",
        name = secrets::CA
    )]
    Unreadable(&'static str),
}

/// Issues identities.
#[derive(Debug)]
pub(crate) struct Authority {
    ca: Certificate,
    /// Key identifier of the CA.
    pub(crate) key: Vec<u8>,
    /// Everybody who is trusted, as PEM: two CAs while one replaces the other.
    pub(crate) bundle: String,
    /// The trust domain.
    pub(crate) federation: String,
    hub: Mutex<Option<(Timestamp, Certificate)>>,
}

impl Authority {
    /// Reads the CA, or makes it.
    pub(crate) async fn load(
        client: &Client,
        writer: &Writer,
        namespace: &str,
        federation: &str,
    ) -> Result<Self, AuthorityError> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let read = || writer.timed(secrets.get_opt(secrets::CA));
        if let Some(there) = read().await? {
            return Self::of(&there, federation);
        }
        create(client, writer, namespace, federation).await?;
        let made = read().await?.ok_or(AuthorityError::Unreadable(secrets::TLS_CRT))?;
        Self::of(&made, federation)
    }

    fn of(secret: &Secret, federation: &str) -> Result<Self, AuthorityError> {
        let field = |key: &'static str| {
            let bytes = secret.data.as_ref().and_then(|data| data.get(key));
            let text = bytes.and_then(|ByteString(bytes)| String::from_utf8(bytes.clone()).ok());
            text.ok_or(AuthorityError::Unreadable(key))
        };
        let ca = Certificate { certificate: field(secrets::TLS_CRT)?, key: field(secrets::TLS_KEY)? };
        let key =
            authority_key(ca.certificate.as_bytes()).ok_or(AuthorityError::Unreadable(secrets::TLS_CRT))?;
        let bundle = field(secrets::CA_CRT)?;
        Ok(Self { ca, key, bundle, federation: federation.into(), hub: Mutex::default() })
    }

    /// One that was made just now, for tests.
    #[cfg(test)]
    pub(crate) fn made(federation: &str) -> Self {
        let ca = authority(federation, Timestamp::now()).expect("a CA");
        let key = authority_key(ca.certificate.as_bytes()).expect("its key's name");
        let bundle = ca.certificate.clone();
        Self { ca, key, bundle, federation: federation.into(), hub: Mutex::default() }
    }

    /// Issues an identity.
    pub(crate) fn issue(&self, uri: &str) -> Result<Certificate, IssueError> {
        leaf(&self.ca, uri, Timestamp::now())
    }

    /// The hub's own identity, for asking gateways; kept in memory only.
    pub(crate) fn hub(&self) -> Result<Certificate, IssueError> {
        let mut hub = self.hub.lock();
        let young = |at: Timestamp| {
            Duration::try_from(Timestamp::now().duration_since(at)).is_ok_and(|age| age < RENEW_AFTER)
        };
        if let Some((_, identity)) = hub.as_ref().filter(|(at, _)| young(*at)) {
            return Ok(identity.clone());
        }
        let identity = self.issue(&hub_identity(&self.federation))?;
        *hub = Some((Timestamp::now(), identity.clone()));
        Ok(identity)
    }
}

/// Creates the Secret; that somebody was faster is fine.
async fn create(
    client: &Client,
    writer: &Writer,
    namespace: &str,
    federation: &str,
) -> Result<(), AuthorityError> {
    let ca = authority(federation, Timestamp::now())?;
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {
            "name": secrets::CA,
            "namespace": namespace,
            "labels": {labels::MANAGED_BY: labels::MANAGED_BY_SPILLWAY},
        },
        "stringData": {
            secrets::TLS_CRT: ca.certificate,
            secrets::TLS_KEY: ca.key,
            secrets::CA_CRT: ca.certificate,
        },
    });
    let api = dynamic(client, &ApiResource::erase::<Secret>(&()), Some(namespace));
    let mut created = writer.create(&api, object.clone()).await;
    if created.as_ref().is_err_and(WriteError::is_not_found) {
        writer.namespace(client, namespace).await?;
        created = writer.create(&api, object).await;
    }
    match created {
        Err(error) if !error.is_conflict() => Err(error.into()),
        Ok(_) => {
            tracing::info!(federation, "made the CA of peer identities");
            Ok(())
        }
        Err(_) => Ok(()),
    }
}
