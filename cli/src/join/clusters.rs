//! The two clusters: reading kubeconfigs, applying, deleting.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use super::objects::{ACCOUNT, TOKEN};

/// The field manager of what people join.
const MANAGER: &str = "kubectl-spillway";
const PATIENCE: Duration = Duration::from_secs(10);
/// Kubernetes' own controller fills the token's Secret.
const TOKEN_TRIES: u32 = 50;
const TOKEN_PAUSE: Duration = Duration::from_millis(200);

/// Where a cluster's kubeconfig is.
#[derive(Clone)]
pub(crate) struct Access {
    /// The file; else `KUBECONFIG`, else the default place.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context; else the current one.
    pub(crate) context: Option<String>,
}

impl Access {
    fn read(&self) -> Result<Kubeconfig> {
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

/// A cluster that is talked to.
pub(super) struct Cluster {
    what: &'static str,
    client: Client,
}

impl Cluster {
    /// Connects, and asks for the version: better now than half way.
    pub(super) async fn connect(what: &'static str, access: &Access) -> Result<Self> {
        let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
        let connected = async {
            let mut config = match (&access.kubeconfig, &access.context) {
                (None, None) => Config::infer().await.context("name it with --kubeconfig or --context")?,
                _ => Config::from_custom_kubeconfig(access.read()?, &options).await?,
            };
            config.connect_timeout = Some(PATIENCE);
            config.read_timeout = Some(PATIENCE);
            let client = Client::try_from(config)?;
            client.apiserver_version().await?;
            anyhow::Ok(client)
        };
        Ok(Self { what, client: connected.await.with_context(|| format!("{what} does not answer"))? })
    }

    /// An error that says what to do, if Spillway's namespace is missing.
    pub(super) async fn has_namespace(&self, name: &str) -> Result<()> {
        let there =
            Api::<Namespace>::all(self.client.clone()).get_opt(name).await.with_context(|| self.what)?;
        there.map(drop).with_context(|| {
            format!(
                "{} has no namespace {name}: install the chart there first, or name it with --namespace",
                self.what
            )
        })
    }

    /// What the hub labels its copies with.
    pub(super) async fn uid(&self) -> Result<String> {
        let system =
            Api::<Namespace>::all(self.client.clone()).get("kube-system").await.with_context(|| self.what)?;
        system.metadata.uid.context("kube-system has no UID")
    }

    /// An object that is there.
    pub(super) async fn get(
        &self,
        kind: (&str, &str),
        namespace: &str,
        name: &str,
    ) -> Result<Option<DynamicObject>> {
        let Some(api) = self.api(kind, namespace).await? else { return Ok(None) };
        api.get_opt(name).await.with_context(|| format!("{}: {} {name}", self.what, kind.1))
    }

    /// Deletes; says whether there was something.
    pub(super) async fn delete(&self, kind: (&str, &str), namespace: &str, name: &str) -> Result<bool> {
        let Some(api) = self.api(kind, namespace).await? else { return Ok(false) };
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(error) => Err(error).with_context(|| format!("{}: delete {} {name}", self.what, kind.1)),
        }
    }

    /// All objects of a kind that match.
    pub(super) async fn list(&self, kind: (&str, &str), labels: &str) -> Result<Vec<DynamicObject>> {
        let types = types(kind)?;
        let Ok((resource, _)) = pinned_kind(&self.client, &types).await else { return Ok(Vec::new()) };
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let found = api.list(&ListParams::default().labels(labels)).await;
        Ok(found.with_context(|| format!("{}: list {}", self.what, kind.1))?.items)
    }

    /// `None` for a kind that the cluster does not know.
    async fn api(&self, kind: (&str, &str), namespace: &str) -> Result<Option<Api<DynamicObject>>> {
        let (resource, capabilities) = match pinned_kind(&self.client, &types(kind)?).await {
            Ok(found) => found,
            Err(kube::Error::Discovery(_)) => return Ok(None),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(error).with_context(|| self.what),
        };
        Ok(Some(match capabilities.scope {
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            Scope::Namespaced => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }))
    }
}

fn types((api_version, kind): (&str, &str)) -> Result<GroupVersionKind> {
    let types = kube::core::TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
    Ok(GroupVersionKind::try_from(types)?)
}

/// Server-side apply, as who joins: another manager's fields are a conflict, and are told.
pub(super) async fn apply(cluster: &Cluster, object: &Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object.clone())?;
    let kind = object.types.clone().context("an object without a kind")?;
    let what = format!("{}: {} {}", cluster.what, kind.kind, object.name_any());
    let api = cluster.api((&kind.api_version, &kind.kind), &object.namespace().unwrap_or_default()).await?;
    let api = api.with_context(|| {
        format!("{what}: the cluster does not know the kind: is Spillway's chart installed there?")
    })?;
    match api.patch(&object.name_any(), &PatchParams::apply(MANAGER), &Patch::Apply(&object)).await {
        Ok(_) => {
            eprintln!("{what}: applied");
            Ok(())
        }
        Err(kube::Error::Api(status)) => Err(anyhow!("{what}: {}", status.message)),
        Err(error) => Err(error).context(what),
    }
}

/// The account's token, as soon as Kubernetes has made it.
pub(super) async fn token(member: &Cluster, namespace: &str) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(member.client.clone(), namespace);
    for _ in 0..TOKEN_TRIES {
        let secret = secrets.get(TOKEN).await.context("the member: the token's Secret")?;
        if let Some(token) = secret.data.and_then(|mut data| data.remove("token")) {
            return String::from_utf8(token.0).context("the token");
        }
        tokio::time::sleep(TOKEN_PAUSE).await;
    }
    bail!(
        "the member: no token in Secret {namespace}/{TOKEN} after 10 s: does kube-controller-manager run there?"
    )
}
