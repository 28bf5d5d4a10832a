//! The two clusters: applying, reading, deleting.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::KubeConfigOptions;
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, Config, ResourceExt};
use serde_json::Value;

use super::kubeconfig::Access;
use super::names::TOKEN;

/// The field manager of what people join.
const MANAGER: &str = "kubectl-spillway";
const PATIENCE: Duration = Duration::from_secs(10);
/// Kubernetes' own controller fills the token's Secret.
const TOKEN_TRIES: u32 = 50;
const TOKEN_PAUSE: Duration = Duration::from_millis(200);

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
