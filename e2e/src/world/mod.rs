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

mod fault;
mod options;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};

pub use fault::{Disturbance, HUB, Link, Process};
pub use options::Options;

/// The ports of a world: the same in every region, for each region has its own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ports {
    /// Front doors and gateways: plain HTTP.
    pub http: u16,
    /// Front doors and gateways: spilled traffic over mutual TLS.
    pub spill: u16,
    /// Gateways' DNS, UDP and TCP, on the front door's address.
    pub dns: u16,
    /// Gateways' and the controller's health, metrics and debug pages.
    pub admin: u16,
    /// kube-apiserver, and the links that lead to it.
    pub api: u16,
    /// Demo backends.
    pub backend: u16,
}

/// A hub and its members, running. See the module's example.
pub struct World {
    clients: std::collections::BTreeMap<String, kube::Client>,
    hub: kube::Client,
    options: Options,
    ports: Ports,
    number: u8,
    dir: PathBuf,
}

#[expect(clippy::unused_async, reason = "signatures first; the bodies follow in the next commits")]
impl World {
    /// Raises a world: control planes in parallel, CRDs, RBAC, backends, then the programs asked for.
    /// Returns when every API server, gateway and the controller say that they are ready.
    pub async fn raise(options: Options) -> Result<Self> {
        Err(anyhow!("cannot raise {options:?} yet"))
    }

    /// A handle on a world that `world up` left running. Dropping it leaves the world up.
    pub async fn attach(number: u8) -> Result<Self> {
        Err(anyhow!("cannot attach to {number} yet"))
    }

    /// Lets the world outlive this process: `world down N` ends it.
    pub async fn detach(self) -> Result<u8> {
        Ok(self.number)
    }

    /// The W of its addresses, 127.W.0.0/16.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Its directory: kubeconfigs, `logs/`, data.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The members' region names in order, the hub not among them.
    #[must_use]
    pub fn regions(&self) -> &[String] {
        &self.options.members
    }

    /// An administrator's client of the hub.
    #[must_use]
    pub fn hub(&self) -> &kube::Client {
        &self.hub
    }

    /// An administrator's client of a member, or of [`HUB`].
    pub fn cluster(&self, region: &str) -> Result<&kube::Client> {
        self.clients.get(region).ok_or_else(|| anyhow!("no region {region}"))
    }

    /// The administrator's kubeconfig of a member, or of [`HUB`].
    #[must_use]
    pub fn kubeconfig(&self, region: &str) -> PathBuf {
        self.dir.join(region).join("admin.kubeconfig")
    }

    /// The front door of a region, 127.W.R.1: HTTP, spill and DNS listen there.
    pub fn front_door(&self, region: &str) -> Result<Ipv4Addr> {
        Err(anyhow!("no region {region}"))
    }

    /// The gateway's own address of a region, 127.W.R.2: HTTP and admin without the fault proxy.
    pub fn gateway_address(&self, region: &str) -> Result<Ipv4Addr> {
        Err(anyhow!("no region {region}"))
    }

    /// The n-th client address, 127.W.200.(n+1): outside every region. Bind to it before connecting.
    #[must_use]
    pub fn client_address(&self, n: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.number, 200, n.saturating_add(1))
    }

    /// Applies a `MemberCluster` for each member, and the Secrets with the kubeconfigs that they name.
    pub async fn declare_members(&self) -> Result<()> {
        Ok(())
    }

    /// A Service `namespace/name` with port 8080 on every member, `backends` demo backends behind it in each region:
    /// `name`, `name-2`, `name-3`...
    pub async fn add_service(&self, namespace: &str, name: &str, backends: u8) -> Result<()> {
        let _ = (namespace, name, backends);
        Ok(())
    }

    /// Changes a backend's behaviour from what it is now.
    pub async fn change_backend(
        &self,
        region: &str,
        backend: &str,
        change: impl FnOnce(&mut crate::backend::Behaviour),
    ) -> Result<()> {
        let mut behaviour = crate::backend::Behaviour::default();
        change(&mut behaviour);
        Err(anyhow!("no backend {backend} in {region}"))
    }

    /// A backend's counters: requests answered since it was started.
    pub async fn backend_requests(&self, region: &str, backend: &str) -> Result<u64> {
        Err(anyhow!("no backend {backend} in {region}"))
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(&self, process: &Process) -> Result<()> {
        Err(anyhow!("no {process:?}"))
    }

    /// SIGTERM, and waits until the process is gone, at most 30 s.
    pub async fn term(&self, process: &Process) -> Result<()> {
        Err(anyhow!("no {process:?}"))
    }

    /// SIGSTOP: the process is there and does nothing; its sockets accept and stay silent.
    pub async fn freeze(&self, process: &Process) -> Result<()> {
        Err(anyhow!("no {process:?}"))
    }

    /// SIGCONT.
    pub async fn thaw(&self, process: &Process) -> Result<()> {
        Err(anyhow!("no {process:?}"))
    }

    /// Starts a process again that was killed (kills it first if it runs). Does not wait until it is ready:
    /// a gateway without its API server may never be; see [`World::wait_ready`].
    pub async fn restart(&self, process: &Process) -> Result<()> {
        Err(anyhow!("no {process:?}"))
    }

    /// Waits until the process says that it is ready.
    pub async fn wait_ready(&self, process: &Process, deadline: Duration) -> Result<()> {
        Err(anyhow!("no {process:?} within {deadline:?}"))
    }

    /// Starts one more replica of the controller and returns which ([`Process::Controller`]).
    pub async fn start_replica(&self) -> Result<Process> {
        Err(anyhow!("no controller"))
    }

    /// Disturbs a link until [`World::heal`].
    pub async fn disturb(&self, link: &Link, disturbance: Disturbance) -> Result<()> {
        Err(anyhow!("no {link:?} for {disturbance:?}"))
    }

    /// Ends the disturbance of a link.
    pub async fn heal(&self, link: &Link) -> Result<()> {
        Err(anyhow!("no {link:?}"))
    }

    /// Ends every disturbance of links, gives every backend its first behaviour, thaws what is frozen and starts
    /// what was killed.
    pub async fn heal_all(&self) -> Result<()> {
        Ok(())
    }

    /// What the region's gateway says about itself (`/debug/state`).
    pub async fn gateway_state(&self, region: &str) -> Result<serde_json::Value> {
        Err(anyhow!("no gateway in {region}"))
    }

    /// Every log line so far of a process, as text: `gateway-shenzhen`, `controller-0`, `apiserver-hub`...
    pub fn log(&self, name: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.dir.join("logs").join(format!("{name}.log")))?)
    }
}

/// Asks again and again until `probe` has an answer, every 50 ms. A probe that fails says what it saw instead;
/// at the deadline the error tells what was waited for and what was seen last.
pub async fn wait_until<T, F, Fut>(deadline: Duration, what: &str, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let end = tokio::time::Instant::now() + deadline;
    loop {
        let seen = match tokio::time::timeout_at(end, probe()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(seen)) => format!("{seen:#}"),
            Err(_) => "a probe that never ended".to_owned(),
        };
        if tokio::time::Instant::now() >= end {
            return Err(anyhow!("waited {deadline:?} for {what}; last seen: {seen}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
