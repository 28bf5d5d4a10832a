//! From a `MemberCluster` to a client. A kubeconfig comes from somebody else's hands: one that would run
//! programs here, or read files here, is refused by name.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Client, Config,
    config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig},
};
use sha2::{Digest, Sha256};
use spillway_crds::{MemberCluster, member_cluster::KubeconfigSecretRef};

use crate::hub::{Hub, Name};

const CONNECT: Duration = Duration::from_secs(2);

/// Why there is no connection to a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The placement map takes no further member.
    #[error("{0}; it joins when another member leaves")]
    NoRoom(#[from] spillway_placement::Error),
    /// Neither or both kinds of connection.
    #[error("spec.connection: exactly one of kubeconfigSecretRef and inPlace must be set")]
    NotOne,
    /// No such Secret.
    #[error("spec.connection.kubeconfigSecretRef: there is no Secret {name:?} in namespace {namespace:?}")]
    NoSecret {
        /// Its name.
        name: String,
        /// Where it should be.
        namespace: String,
    },
    /// No such key in it.
    #[error("spec.connection.kubeconfigSecretRef: Secret {name:?} has no key {key:?}")]
    NoKey {
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// A field that would run a program or read a file here, or believe whoever answers.
    #[error("the kubeconfig's field {field} is refused: it {does}; allowed is {instead}")]
    Refused {
        /// The field.
        field: String,
        /// What it would do.
        does: &'static str,
        /// What to write in its place.
        instead: &'static str,
    },
    /// Not a kubeconfig, or one that leads nowhere.
    #[error("the kubeconfig is not usable: {0}")]
    Unusable(String),
}

impl ConnectionError {
    /// One word for a condition.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NoRoom(_) => "TooManyMembers",
            Self::NotOne => "InvalidConnection",
            Self::NoSecret { .. } | Self::NoKey { .. } => "KubeconfigNotFound",
            Self::Refused { .. } => "KubeconfigRefused",
            Self::Unusable(_) => "KubeconfigUnusable",
        }
    }
}

/// How a member is reached: what a connection is made of, and made again when it changes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// It is the hub.
    InPlace,
    /// By the text of a kubeconfig.
    Kubeconfig(String),
}

/// Shows which kubeconfig it is, and nothing that is in it.
impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InPlace => f.write_str("InPlace"),
            Self::Kubeconfig(text) => write!(f, "Kubeconfig({:x?})", Sha256::digest(text)),
        }
    }
}

/// How `cluster` is reached.
pub(crate) fn route(hub: &Hub, namespace: &str, cluster: &MemberCluster) -> Result<Route, ConnectionError> {
    let connection = &cluster.spec.connection;
    match (&connection.kubeconfig_secret_ref, &connection.in_place) {
        (None, Some(_)) => Ok(Route::InPlace),
        (Some(reference), None) => {
            let name = Name { namespace: namespace.into(), name: reference.name.clone() };
            let missing =
                || ConnectionError::NoSecret { name: reference.name.clone(), namespace: namespace.into() };
            let secret = hub.secrets.get(&name).ok_or_else(missing)?;
            text(&secret, reference).map(Route::Kubeconfig)
        }
        _ => Err(ConnectionError::NotOne),
    }
}

fn text(secret: &Secret, reference: &KubeconfigSecretRef) -> Result<String, ConnectionError> {
    let no_key = || ConnectionError::NoKey { name: reference.name.clone(), key: reference.key.clone() };
    let bytes = secret.data.as_ref().and_then(|data| data.get(&reference.key)).ok_or_else(no_key)?;
    String::from_utf8(bytes.0.clone()).map_err(|_| ConnectionError::Unusable("it is not text".into()))
}

/// A client for a route.
pub(crate) async fn client(hub: &Client, route: &Route) -> Result<Client, ConnectionError> {
    let text = match route {
        Route::InPlace => return Ok(hub.clone()),
        Route::Kubeconfig(text) => text,
    };
    let unusable = |error: &dyn std::fmt::Display| ConnectionError::Unusable(error.to_string());
    let kubeconfig = checked_kubeconfig(text)?;
    let options = KubeConfigOptions::default();
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))?;
    config.connect_timeout = Some(CONNECT);
    config.default_retry = false; // our queues retry, with a deadline for each call
    Client::try_from(config).map_err(|error| unusable(&error))
}

/// Reads a kubeconfig and refuses what would run programs or read files, in every entry of it.
pub(crate) fn checked_kubeconfig(text: &str) -> Result<Kubeconfig, ConnectionError> {
    let kubeconfig =
        Kubeconfig::from_yaml(text).map_err(|error| ConnectionError::Unusable(error.to_string()))?;
    for named in &kubeconfig.clusters {
        named.cluster.as_ref().map_or(Ok(()), |cluster| check_cluster(&named.name, cluster))?;
    }
    for named in &kubeconfig.auth_infos {
        named.auth_info.as_ref().map_or(Ok(()), |user| check_user(&named.name, user))?;
    }
    Ok(kubeconfig)
}

const READS: &str = "would read a file on the hub";
const RUNS: &str = "would run a program on the hub";
const BELIEVES: &str = "would hand our credentials to whoever answers";

fn check_cluster(name: &str, cluster: &Cluster) -> Result<(), ConnectionError> {
    let authority = "certificate-authority-data";
    let https = |server: &String| server.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    let plain = cluster.server.as_ref().is_some_and(|server| !https(server));
    let fields = [
        ("certificate-authority", cluster.certificate_authority.is_some(), READS, authority),
        ("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify == Some(true), BELIEVES, authority),
        ("server", plain, BELIEVES, "a URL that begins with https://"),
    ];
    fields.into_iter().try_for_each(|(field, set, does, instead)| {
        refuse(set, || format!("clusters[{name}].cluster.{field}"), does, instead)
    })
}

fn check_user(name: &str, user: &AuthInfo) -> Result<(), ConnectionError> {
    let allowed = "token, or client-certificate-data with client-key-data";
    let fields = [
        ("exec", user.exec.is_some(), RUNS, allowed),
        ("auth-provider", user.auth_provider.is_some(), RUNS, allowed),
        ("tokenFile", user.token_file.is_some(), READS, "token"),
        ("client-certificate", user.client_certificate.is_some(), READS, "client-certificate-data"),
        ("client-key", user.client_key.is_some(), READS, "client-key-data"),
    ];
    fields.into_iter().try_for_each(|(field, set, does, instead)| {
        refuse(set, || format!("users[{name}].user.{field}"), does, instead)
    })
}

fn refuse(
    set: bool,
    field: impl FnOnce() -> String,
    does: &'static str,
    instead: &'static str,
) -> Result<(), ConnectionError> {
    if set { Err(ConnectionError::Refused { field: field(), does, instead }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::checked_kubeconfig;

    fn kubeconfig(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: m, user: u}}}}]\n\
             clusters: [{{name: m, cluster: {{server: 'https://127.0.0.1:6443', {cluster}}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        )
    }

    #[test]
    fn refuses_programs_files_and_strangers_by_name() {
        for (cluster, user, field) in [
            ("certificate-authority: /ca", "token: t", "clusters[m].cluster.certificate-authority"),
            ("insecure-skip-tls-verify: true", "token: t", "clusters[m].cluster.insecure-skip-tls-verify"),
            ("", "exec: {apiVersion: v1, command: sh}", "users[u].user.exec"),
            ("", "auth-provider: {name: gcp}", "users[u].user.auth-provider"),
            ("", "tokenFile: /t", "users[u].user.tokenFile"),
            ("", "client-certificate: /c", "users[u].user.client-certificate"),
            ("", "client-key: /k", "users[u].user.client-key"),
        ] {
            let error = checked_kubeconfig(&kubeconfig(cluster, user)).unwrap_err().to_string();
            assert!(error.contains(field) && error.contains("allowed"), "{error}");
        }
        assert!(checked_kubeconfig(&kubeconfig("certificate-authority-data: Y2E=", "token: t")).is_ok());
        assert!(checked_kubeconfig("{").is_err());
        for server in ["http://127.0.0.1:6443", "127.0.0.1:6443"] {
            let text = kubeconfig("", "token: t").replace("https://127.0.0.1:6443", server);
            let error = checked_kubeconfig(&text).unwrap_err().to_string();
            assert!(error.contains("clusters[m].cluster.server") && error.contains("https://"), "{error}");
        }
    }
}
