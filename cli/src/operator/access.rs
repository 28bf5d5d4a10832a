//! By which credential, and to which gateways.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use spillway_crds::names::SYSTEM_NAMESPACE;

use super::credential::{Credential, Gateway};
use super::gateway::Inspected;
use super::issue;
use crate::hub::Hub;

/// A credential that is made for one command only.
const MOMENT: Duration = Duration::from_mins(5);

const WITHOUT_HUB: &str = "cannot make a credential from the hub; if the hub is down, use --credential FILE, made beforehand \
                           with `kubectl spillway credential`";

/// How gateways are reached.
#[derive(Args, Clone, Debug)]
pub(crate) struct Door {
    /// A gateway's spill address, HOST:PORT; without it, those that the credential or the hub names
    #[arg(long, value_name = "HOST:PORT")]
    gateway: Option<String>,
    /// The file of `kubectl spillway credential`; without it the hub is asked, which must be up
    #[arg(long, value_name = "FILE", env = "SPILLWAY_CREDENTIAL")]
    credential: Option<PathBuf>,
    /// Spillway's namespace on the hub
    #[arg(short, long, value_name = "NAME", default_value = SYSTEM_NAMESPACE)]
    namespace: String,
}

/// Who says it, and whom it is said to.
pub(crate) struct Access {
    pub(super) credential: Credential,
    /// Whom to ask, in this order.
    pub(super) first: Vec<Gateway>,
}

impl Door {
    /// Spillway's namespace on the hub.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }
}

impl Access {
    /// From the flags; the hub is connected to only where they say too little.
    pub(crate) async fn of(door: &Door, hub: impl Future<Output = Result<Hub>>) -> Result<Self> {
        if door.credential.is_some() {
            return Self::offline(door);
        }
        Self::made(door, MOMENT, hub).await
    }

    /// The same, good for so long from now on: what is begun by it must be ended by it, too.
    pub(crate) async fn lasting(
        door: &Door,
        lifetime: Duration,
        hub: impl Future<Output = Result<Hub>>,
    ) -> Result<Self> {
        if door.credential.is_none() {
            return Self::made(door, lifetime, hub).await;
        }
        let access = Self::offline(door)?;
        access.credential.lasts(Timestamp::now(), lifetime)?;
        Ok(access)
    }

    async fn made(door: &Door, lifetime: Duration, hub: impl Future<Output = Result<Hub>>) -> Result<Self> {
        let made = make(hub, &door.namespace, lifetime, Timestamp::now()).await;
        Self::by(door, made.context(WITHOUT_HUB)?)
    }

    /// From the flags alone.
    pub(crate) fn offline(door: &Door) -> Result<Self> {
        let path = door.credential.as_ref().context(WITHOUT_HUB)?;
        Self::by(door, Credential::read(path, Timestamp::now())?)
    }

    fn by(door: &Door, credential: Credential) -> Result<Self> {
        let first = match &door.gateway {
            Some(named) => vec![at(named, &credential)?],
            None => credential.gateways.clone(),
        };
        if first.is_empty() {
            bail!("no gateway is known: name one with --gateway HOST:PORT (its spill address)");
        }
        Ok(Self { credential, first })
    }

    /// The same, but asking only gateways of one region.
    pub(crate) fn at(&self, region: &str) -> Result<Self> {
        let of_region = |gateway: &Gateway| gateway.region == region;
        let first: Vec<Gateway> = self.all().into_iter().filter(of_region).collect();
        if first.is_empty() {
            bail!("no gateway of {region} is known: is there a MemberCluster of that region?");
        }
        Ok(Self { credential: self.credential.clone(), first })
    }

    /// In whose name.
    pub(crate) fn operator(&self) -> &str {
        &self.credential.operator
    }

    /// What a gateway believes, and what is seen of it on the way.
    pub(crate) async fn inspect(&self, gateway: &Gateway) -> Result<Inspected> {
        gateway.inspect(&self.credential).await
    }

    /// Every gateway that is known.
    pub(crate) fn all(&self) -> Vec<Gateway> {
        let unknown = self.first.iter().filter(|gateway| !self.credential.gateways.contains(gateway));
        unknown.chain(&self.credential.gateways).cloned().collect()
    }
}

async fn make(
    hub: impl Future<Output = Result<Hub>>,
    namespace: &str,
    lifetime: Duration,
    now: Timestamp,
) -> Result<Credential> {
    let hub = hub.await?;
    let (issuing, operator) = (hub.issuing(namespace).await?, hub.whoami().await?);
    issue(&issuing, &operator, lifetime, now)
}

/// The gateway at an address: the one that is known to be there, else any of the federation.
fn at(named: &str, credential: &Credential) -> Result<Gateway> {
    let found = named
        .to_socket_addrs()
        .with_context(|| format!("--gateway {named:?}: HOST:PORT is required, such as 203.0.113.10:8443"))?;
    let addresses: Vec<SocketAddr> = found.collect();
    let known = |gateway: &&Gateway| addresses.iter().any(|address| gateway.addresses.contains(address));
    let unknown = || Gateway {
        member: named.to_owned(),
        region: String::new(),
        addresses: addresses.clone(),
        identity: None,
    };
    Ok(credential.gateways.iter().find(known).cloned().unwrap_or_else(unknown))
}
