//! Gateways that run from files, in federations of their own: real programs with real DNS, mutual TLS and probes, but
//! without the control planes, which have no part in a verdict. So twenty federations stand beside each other where one
//! world would.
//!
//! All of them share one number of 127/8, one supervisor that ends them, one authority, and one backend a region.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::backend::{Behaviour, Named};
use crate::controlplane::pki::Authority;
use crate::process::protocol::Request;
use crate::process::{Owner, Signal, Spec};
use crate::requests;
use crate::world::{Addresses, Ports, find, wait_until};

const READY: Duration = Duration::from_mins(1);
const FEDERATION: &str = "bench.test";
/// Region numbers that a world number has.
const REGIONS: usize = 199;

/// What federations stand on.
pub struct Ground {
    owner: Owner,
    ports: Ports,
    authority: Authority,
    backends: BTreeMap<String, SocketAddrV4>,
}

/// One gateway of a federation.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its region, and the name of its member.
    pub region: String,
    /// Its front door, which is the gateway itself.
    pub address: Ipv4Addr,
    /// Where it shows what it believes.
    pub admin: SocketAddrV4,
    process: String,
}

/// Gateways that know each other.
pub struct Federation {
    ground: Arc<Ground>,
    /// In the order of their priority.
    pub members: Vec<Member>,
    /// The number by which its addresses differ from other federations'.
    pub slot: usize,
}

impl Ground {
    /// Claims a number, and starts one backend for each region name.
    pub async fn raise(regions: &[&str]) -> Result<Arc<Self>> {
        let world = find("world")?;
        let program = world.clone();
        let owner = tokio::task::spawn_blocking(move || Owner::start(&program)).await??;
        let ports = Ports::free(owner.number())?;
        let mut backends = BTreeMap::new();
        for (region, n) in regions.iter().zip(10_u8..) {
            let hub = Addresses::of(owner.number(), 0);
            let (listen, control) = (hub.backend(n), hub.backend(n + 50));
            let control = SocketAddrV4::new(control, ports.control);
            let state = owner.dir().join(format!("{region}.json"));
            let args = ["backend", "--region", region, "--control", &control.to_string(), "--state"];
            let mut args: Vec<String> = args.map(str::to_owned).into();
            args.push(state.display().to_string());
            owner.spawn(spec(format!("backend-{region}"), world.clone(), args)).await?;
            let listen = SocketAddrV4::new(listen, ports.backend);
            let named =
                Named { name: "bench".to_owned(), listen, behaviour: Behaviour::default(), requests: 0 };
            wait_until(READY, "a backend", || requests::put(control, "/backends", &named)).await?;
            backends.insert((*region).to_owned(), listen);
        }
        Ok(Arc::new(Self { owner, ports, authority: Authority::new(FEDERATION)?, backends }))
    }

    /// Its ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The /24 of the clients of a federation.
    #[must_use]
    pub fn clients(&self, slot: usize) -> Ipv4Addr {
        let third = u8::try_from(slot % 50).unwrap_or_default();
        Ipv4Addr::new(127, self.owner.number(), 200 + third, 0)
    }
}

impl Federation {
    /// Starts the gateways of `regions`, which all serve `host` from the shared backends, and waits until they are ready.
    pub async fn start(ground: &Arc<Ground>, slot: usize, regions: &[&str], host: &str) -> Result<Self> {
        let first = slot * regions.len() + 1;
        ensure!(first + regions.len() <= REGIONS, "{slot}: at most {} federations", REGIONS / regions.len());
        let mut members = Vec::new();
        for (region, number) in regions.iter().zip(first..) {
            let address = Addresses::of(ground.owner.number(), u8::try_from(number)?).front_door();
            let admin = SocketAddrV4::new(address, ground.ports.admin);
            let process = format!("gateway-{slot}-{region}");
            members.push(Member { region: (*region).to_owned(), address, admin, process });
        }
        let federation = Self { ground: Arc::clone(ground), members, slot };
        for member in &federation.members {
            federation.spawn(member, host).await?;
        }
        for member in &federation.members {
            let ready = || requests::check(member.admin, "/readyz");
            wait_until(READY, &format!("{} to be ready", member.process), ready).await?;
        }
        Ok(federation)
    }

    async fn spawn(&self, member: &Member, host: &str) -> Result<()> {
        let folder = self.ground.owner.dir().join(&member.process);
        std::fs::create_dir_all(&folder)?;
        let pair = self.ground.authority.gateway(&identity(&member.region), member.address)?;
        std::fs::write(folder.join("tls.crt"), pair.certificate)?;
        std::fs::write(folder.join("tls.key"), pair.key)?;
        std::fs::write(folder.join("ca.crt"), self.ground.authority.certificate())?;
        let file = folder.join("gateway.yaml");
        // JSON is YAML.
        std::fs::write(&file, serde_json::to_vec_pretty(&self.config(member, host)?)?)?;
        let args = ["--config", &file.display().to_string(), "--source-address", &member.address.to_string()];
        let args = args.map(str::to_owned).into();
        self.ground.owner.spawn(spec(member.process.clone(), find("region-gateway")?, args)).await
    }

    fn config(&self, member: &Member, host: &str) -> Result<Value> {
        let ports = &self.ground.ports;
        let own = |port: u16| SocketAddrV4::new(member.address, port).to_string();
        let backend = self.ground.backends.get(&member.region).context("a region without a backend")?;
        let regions: Vec<Value> = self.members.iter().map(|member| json!({"name": member.region})).collect();
        let peers: Vec<Value> = self.members.iter().map(|member| peer(member, ports)).collect();
        Ok(json!({
            "region": member.region,
            "member": member.region,
            "listen": {
                "http": own(ports.http), "admin": own(ports.admin), "spill": own(ports.spill), "dns": own(ports.dns),
            },
            "identity": {"certificate": "tls.crt", "key": "tls.key", "authorities": "ca.crt"},
            "priorities": {"bench": {"regions": regions}},
            "peers": peers,
            "backends": {"bench": {"endpoints": [backend]}},
            "routes": [{"name": "bench", "host": host, "path": "/api/", "backend": "bench", "priority": "bench"}],
        }))
    }

    /// SIGKILL.
    pub async fn kill(&self, member: &Member) -> Result<()> {
        self.ground.owner.ask(&Request::Kill(member.process.clone())).await.map(drop)
    }

    /// SIGSTOP.
    pub async fn freeze(&self, member: &Member) -> Result<()> {
        self.ground.owner.ask(&Request::Signal(member.process.clone(), Signal::Freeze)).await.map(drop)
    }

    /// Ends every gateway of it.
    pub async fn end(&self) -> Result<()> {
        for member in &self.members {
            self.kill(member).await?;
        }
        Ok(())
    }
}

/// The URI name of the only member of a region.
pub(super) fn identity(region: &str) -> String {
    format!("spiffe://{FEDERATION}/region/{region}/member/{region}")
}

fn peer(member: &Member, ports: &Ports) -> Value {
    json!({
        "federation": FEDERATION,
        "region": member.region,
        "member": member.region,
        "frontDoor": {"addresses": [member.address], "httpPort": ports.http},
        "spill": {"addresses": [member.address], "port": ports.spill},
        "identity": identity(&member.region),
    })
}

fn spec(name: String, program: PathBuf, args: Vec<String>) -> Spec {
    let env = BTreeMap::from([
        ("RUST_LOG".to_owned(), "info,hickory_server=error,hickory_proto=error".to_owned()),
        ("NO_COLOR".to_owned(), "1".to_owned()),
    ]);
    Spec { name, program, args, env }
}
