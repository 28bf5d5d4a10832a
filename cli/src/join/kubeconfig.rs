//! Kubeconfigs: those of people, and the one that the hub gets.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use kube::config::Kubeconfig;
use serde_json::json;

use super::names::ACCOUNT;

/// Where a cluster's kubeconfig is.
#[derive(Clone)]
pub(crate) struct Access {
    /// The file; else `KUBECONFIG`, else the default place.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context; else the current one.
    pub(crate) context: Option<String>,
}

impl Access {
    /// The kubeconfig as it stands there.
    pub(super) fn read(&self) -> Result<Kubeconfig> {
        match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path).with_context(|| path.display().to_string()),
            None => Kubeconfig::read().context("no kubeconfig"),
        }
    }
}

/// What of an administrator's kubeconfig the hub needs.
pub(super) struct Reached {
    /// URL of the API server.
    pub(super) server: String,
    authority: Option<String>,
    tls_server_name: Option<String>,
}

impl Reached {
    /// Reads the cluster of the context; its user's credentials are not looked at.
    pub(super) fn read(access: &Access, server: Option<&str>) -> Result<Self> {
        let file = access.read()?;
        let context = access.context.clone().or(file.current_context);
        let context = context.context("has no current context: name one with --member-context")?;
        let named = file.contexts.iter().find(|named| named.name == context);
        let named = named.and_then(|named| named.context.as_ref());
        let cluster = &named.with_context(|| format!("has no context {context:?}"))?.cluster;
        let found = file.clusters.into_iter().find(|named| &named.name == cluster);
        let found =
            found.and_then(|named| named.cluster).with_context(|| format!("has no cluster {cluster:?}"))?;
        if found.insecure_skip_tls_verify == Some(true) {
            bail!(
                "cluster {cluster:?} does not verify its server (insecure-skip-tls-verify): the hub refuses that"
            );
        }
        let authority = match (found.certificate_authority_data, found.certificate_authority) {
            (Some(data), _) => Some(data),
            (None, Some(path)) => Some(encoded(&std::fs::read(&path).with_context(|| path.clone())?)?),
            (None, None) => None,
        };
        let server = server.map(str::to_owned).or(found.server).context("names no server")?;
        Ok(Self { server, authority, tls_server_name: found.tls_server_name })
    }

    /// Whether only this very machine reaches it.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.server.strip_prefix("https://").unwrap_or(&self.server);
        host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
    }

    /// A kubeconfig for the hub, with this token.
    pub(super) fn kubeconfig(&self, token: &str) -> Result<String> {
        let mut cluster = json!({"server": self.server});
        if let Some(authority) = &self.authority {
            cluster["certificate-authority-data"] = json!(authority);
        }
        if let Some(name) = &self.tls_server_name {
            cluster["tls-server-name"] = json!(name);
        }
        Ok(serde_saphyr::to_string(&json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "member",
            "clusters": [{"name": "member", "cluster": cluster}],
            "users": [{"name": ACCOUNT, "user": {"token": token}}],
            "contexts": [{"name": "member", "context": {"cluster": "member", "user": ACCOUNT}}],
        }))?)
    }
}

/// Base64, as JSON has bytes in Kubernetes.
fn encoded(bytes: &[u8]) -> Result<String> {
    let text = serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()))?;
    Ok(text.as_str().context("bytes as text")?.to_owned())
}
