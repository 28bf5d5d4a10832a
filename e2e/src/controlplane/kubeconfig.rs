//! Kubeconfigs: who talks to a cluster, through which address, and as whom. Everything is inside the file, as
//! Spillway demands of the kubeconfigs in Secrets: no programs are run, no other files are named.

use anyhow::Result;
use k8s_openapi::ByteString;
use serde_json::json;

use super::pki::Pair;

/// A kubeconfig with one cluster, one user, one context. JSON, which is YAML too.
pub fn kubeconfig(cluster: &str, server: &str, authority: &str, user: &str, pair: &Pair) -> Result<String> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{
            "name": cluster,
            "cluster": {"server": server, "certificate-authority-data": base64(authority)},
        }],
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": base64(&pair.certificate),
                "client-key-data": base64(&pair.key),
            },
        }],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
    });
    Ok(serde_json::to_string_pretty(&config)? + "\n")
}

/// Serialises as standard base64.
fn base64(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}
