//! Raising, disturbing, watching and dropping a world.
//!
//! ```no_run
//! # async fn story() -> anyhow::Result<()> {
//! use spillway_e2e::world::{Link, Disturbance, Options, Process, World};
//!
//! let world = World::raise(Options::members(&["shenzhen", "chengdu", "beijing"])).await?;
//! let ingresses: kube::Api<k8s_openapi::api::networking::v1::Ingress> =
//!     kube::Api::default_namespaced(world.hub().clone());
//! world.change_backend("shenzhen", "api-gateway", |b| b.latency = 2000.into()).await?;
//! world.disturb(&Link::between("shenzhen", "chengdu"), Disturbance::Cut).await?;
//! world.kill(&Process::Gateway("beijing".into())).await?;
//! # Ok(()) }
//! ```
//!
//! A `World` that goes out of scope takes everything with it; so does the end of its process, in whatever
//! way that comes (see [`crate::process`]).
//!
//! `kube::Client`s belong to the tokio runtime that raised the world: share a world between tests only
//! inside one runtime.

mod address;
mod apply;
mod cluster;
mod fault;
mod links;
mod logs;
mod operator;
mod options;
mod processes;
mod programs;
mod raise;
mod services;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use spillway_decide::report::State;

pub use crate::faultproxy::Disturbance;
pub use crate::wait::wait_until;
pub use address::{Addresses, Ports};
pub use fault::{HUB, Link, Process};
pub use options::Options;
pub use raise::saved_options;
pub use services::SERVICE_PORT;

pub(crate) use programs::find;

use crate::controlplane::Plane;
use crate::process::Owner;
use crate::process::protocol::Request;
use crate::requests;
use cluster::Identity;
use raise::Saved;

/// A hub and its members, running. See the module's example.
pub struct World {
    owner: Owner,
    saved: Saved,
    identities: Vec<Identity>,
    planes: BTreeMap<String, Plane>,
    hub: kube::Client,
    /// Two services that are added at one time must not be given the same addresses.
    adding: tokio::sync::Mutex<()>,
}

impl World {
    /// The W of its addresses, 127.W.0.0/16.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.owner.number()
    }

    /// Its directory: kubeconfigs, `logs/`, data.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.owner.dir()
    }

    /// Its ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.saved.ports
    }

    /// What it was raised with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.saved.options
    }

    /// The members' region names in order, the hub not among them.
    #[must_use]
    pub fn regions(&self) -> &[String] {
        &self.saved.options.members
    }

    /// An administrator's client of the hub.
    #[must_use]
    pub fn hub(&self) -> &kube::Client {
        &self.hub
    }

    /// An administrator's client of a member, or of [`HUB`].
    pub fn cluster(&self, region: &str) -> Result<&kube::Client> {
        self.planes.get(region).map(Plane::client).with_context(|| self.unknown(region))
    }

    /// The administrator's kubeconfig of a member, or of [`HUB`].
    #[must_use]
    pub fn kubeconfig(&self, region: &str) -> PathBuf {
        self.dir().join(region).join("admin.kubeconfig")
    }

    /// The addresses of a member, or of [`HUB`].
    pub fn addresses(&self, region: &str) -> Result<Addresses> {
        let id = self.identities.iter().find(|id| id.name == region);
        id.map(|id| id.addresses).with_context(|| self.unknown(region))
    }

    /// The front door of a region, 127.W.R.1: HTTP, spill and DNS listen there.
    pub fn front_door(&self, region: &str) -> Result<Ipv4Addr> {
        Ok(self.addresses(region)?.front_door())
    }

    /// The gateway's own address of a region, 127.W.R.2: HTTP and admin without the fault proxy.
    pub fn gateway_address(&self, region: &str) -> Result<Ipv4Addr> {
        Ok(self.addresses(region)?.gateway())
    }

    /// The n-th client address, 127.W.200.(n+1): outside every region. Bind to it before connecting.
    #[must_use]
    pub fn client_address(&self, n: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.number(), address::CLIENTS, n.saturating_add(1))
    }

    /// Applies every document of a YAML text to a member or to [`HUB`], as `kubectl apply --server-side` does.
    pub async fn apply(&self, region: &str, yaml: &str) -> Result<()> {
        apply::yaml(self.cluster(region)?, yaml).await
    }

    /// What the region's gateway says about itself (`/debug/state`).
    pub async fn gateway_state(&self, region: &str) -> Result<State> {
        let server = address::at(self.gateway_address(region)?, self.ports().admin);
        requests::get(server, "/debug/state").await
    }

    /// Every log line so far of a process, as text: `gateway-shenzhen`, `controller-0`, `apiserver-hub`...
    pub fn log(&self, name: &str) -> Result<String> {
        let path = self.logs().join(format!("{name}.log"));
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// Copies the logs out of the world, for after its end; says where to.
    pub fn keep_logs(&self) -> Result<PathBuf> {
        logs::keep(self.dir(), self.number())
    }

    /// Ends the world, also one that was only attached to, and returns when nothing of it is left.
    pub async fn down(self) -> Result<()> {
        self.owner.ask(&Request::Down).await.map(drop)
    }

    fn members(&self) -> impl Iterator<Item = &Identity> {
        self.identities.iter().filter(|id| !id.hub)
    }

    fn logs(&self) -> PathBuf {
        self.dir().join("logs")
    }

    fn unknown(&self, region: &str) -> String {
        format!("there is no region {region:?}; there are {HUB:?} and {:?}", self.regions())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        eprintln!("{}", logs::last_lines(&self.logs(), &["gateway-", "controller-0"]));
        match self.keep_logs() {
            Ok(kept) => eprintln!("the logs of world {}: {}", self.number(), kept.display()),
            Err(error) => eprintln!("the logs of world {} cannot be kept: {error:#}", self.number()),
        }
    }
}
