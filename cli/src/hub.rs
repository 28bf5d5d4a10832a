//! The connection to the hub.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::ListParams;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use spillway_crds::names::{member_identity, secrets};
use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};

use crate::operator::{Gateway, Issuing};
use crate::report::Report;

/// A person waits: better an error than a long silence.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hub.
#[derive(Clone)]
pub(crate) struct Hub(Client);

impl Hub {
    /// Reads the kubeconfig. Does not talk to the cluster yet.
    pub(crate) async fn connect(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Self> {
        let mut config = config(kubeconfig, context).await?;
        config.connect_timeout = Some(PATIENCE);
        config.read_timeout = Some(PATIENCE);
        Ok(Self(Client::try_from(config)?))
    }

    /// For what is asked only once.
    pub(crate) fn client(&self) -> Client {
        self.0.clone()
    }

    /// What the hub knows of regions and members now.
    pub(crate) async fn report(&self) -> Result<Report> {
        let priorities = self.list::<RegionPriority>().await?;
        let members = self.list::<MemberCluster>().await?;
        Ok(Report::new(priorities, members))
    }

    /// A `FederatedIngress`; an annotated Ingress has one of its own name.
    pub(crate) async fn ingress(&self, namespace: &str, name: &str) -> Result<FederatedIngress> {
        let api: Api<FederatedIngress> = Api::namespaced(self.0.clone(), namespace);
        let found = api.get_opt(name).await.context("cannot read federatedingresses")?;
        found.with_context(|| {
            format!(
                "there is no FederatedIngress {namespace}/{name}: an Ingress has one once it is annotated with \
                 {}; see the events of the Ingress",
                spillway_crds::names::annotations::REGION_PRIORITY
            )
        })
    }

    /// What a credential is made of.
    pub(crate) async fn issuing(&self, namespace: &str) -> Result<Issuing> {
        let api: Api<Secret> = Api::namespaced(self.0.clone(), namespace);
        let of = || format!("Secret {namespace}/{}", secrets::CA);
        let secret = api.get(secrets::CA).await.with_context(|| format!("cannot read {}", of()))?;
        let field = |key: &str| {
            let bytes = secret.data.as_ref().and_then(|data| data.get(key));
            let text = bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok());
            text.with_context(|| format!("{}: key {key} is missing or no text", of()))
        };
        let namespaces: Api<Namespace> = Api::all(self.0.clone());
        let hub = namespaces.get("kube-system").await.context("cannot read namespace kube-system")?;
        let issuing = Issuing {
            certificate: field(secrets::TLS_CRT)?,
            key: field(secrets::TLS_KEY)?,
            authorities: field(secrets::CA_CRT)?,
            hub_uid: hub.uid().unwrap_or_default(),
            gateways: Vec::new(),
        };
        let members = self.list::<MemberCluster>().await?;
        let federation = issuing.federation();
        Ok(Issuing {
            gateways: members.iter().map(|member| gateway(member, &federation)).collect(),
            ..issuing
        })
    }

    /// The name of the person whose kubeconfig it is, as it may stand in a certificate.
    pub(crate) async fn whoami(&self) -> Result<String> {
        let api: Api<SelfSubjectReview> = Api::all(self.0.clone());
        let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let user =
            review.context("cannot ask the hub who you are")?.status.and_then(|status| status.user_info);
        let name = user.and_then(|user| user.username).unwrap_or_else(|| "unknown".to_owned());
        let letter = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        Ok(name.chars().map(letter).take(63).collect())
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

fn gateway(member: &MemberCluster, federation: &str) -> Gateway {
    let (name, region, door) = (member.name_any(), member.spec.region.clone(), &member.spec.front_door);
    let addresses = door.addresses.iter().map(|address| (*address, door.spill_port).into()).collect();
    let identity = Some(member_identity(federation, &region, &name));
    Gateway { member: name, region, addresses, identity }
}
