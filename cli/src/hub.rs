//! The connection to the hub.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;
use spillway_crds::{MemberCluster, RegionPriority};

use crate::report::Report;

/// A person waits: better an error than a long silence.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hub.
pub(crate) struct Hub(Client);

impl Hub {
    /// Reads the kubeconfig. Does not talk to the cluster yet.
    pub(crate) async fn connect(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Self> {
        let mut config = config(kubeconfig, context).await?;
        config.connect_timeout = Some(PATIENCE);
        config.read_timeout = Some(PATIENCE);
        Ok(Self(Client::try_from(config)?))
    }

    /// What the hub knows of regions and members now.
    pub(crate) async fn report(&self) -> Result<Report> {
        let priorities = self.list::<RegionPriority>().await?;
        let members = self.list::<MemberCluster>().await?;
        Ok(Report::new(priorities, members))
    }

    async fn list<K>(&self) -> Result<Vec<K>>
    where
        K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        match Api::<K>::all(self.0.clone()).list(&ListParams::default()).await {
            Ok(list) => Ok(list.items),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                bail!(
                    "the cluster does not know {}: is it the hub, and are Spillway's definitions installed?",
                    K::plural(&())
                )
            }
            Err(kube::Error::Api(status)) => bail!("cannot list {}: {}", K::plural(&()), status.message),
            Err(error) => Err(error).with_context(|| format!("cannot list {}", K::plural(&()))),
        }
    }
}

async fn config(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Config> {
    if kubeconfig.is_none() && context.is_none() {
        return Config::infer().await.context("no cluster: name one with --kubeconfig or --context");
    }
    let file = match &kubeconfig {
        Some(path) => {
            Kubeconfig::read_from(path).with_context(|| format!("--kubeconfig {}", path.display()))?
        }
        None => Kubeconfig::read().context("no kubeconfig: name one with --kubeconfig")?,
    };
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    Ok(Config::from_custom_kubeconfig(file, &options).await?)
}
