//! The gateway that is measured: a process with a large file.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use spillway_decide::report::State;

use super::Size;
use crate::backend::{Behaviour, Named};
use crate::controlplane::pki::{Authority, Pair};
use crate::load::LoadOptions;
use crate::process::{Owner, Spec};
use crate::requests;
use crate::world::{Addresses, Ports, find, wait_until};

const READY: Duration = Duration::from_mins(2);
const FEDERATION: &str = "cost.test";
const PROCESS: &str = "gateway-r0";
/// Services: ten routes each, as a portal has paths.
const ROUTES_A_BACKEND: usize = 10;
const ROUTES_A_HOST: usize = 100;

/// A running gateway, the region `r0` of its federation.
pub(super) struct Gateway {
    owner: Owner,
    ports: Ports,
    authority: Authority,
    pub(super) size: Size,
}

/// What a process has used until now.
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) rss_mb: f64,
    pub(super) peak_rss_mb: f64,
}

/// How images have memory given back: what is measured is what people run.
const IMAGE_MEMORY: &str = include_str!("../../../image/memory.env");

impl Gateway {
    /// Starts this program with one backend process, and waits until it serves.
    pub(super) async fn start(program: Option<&Path>, size: Size) -> Result<Self> {
        let world = find("world")?;
        let program = match program {
            Some(program) => program.canonicalize().with_context(|| program.display().to_string())?,
            None => find("region-gateway")?,
        };
        let owner = tokio::task::spawn_blocking(move || Owner::start(&world)).await??;
        let ports = Ports::free(owner.number())?;
        let gateway = Self { owner, ports, authority: Authority::new(FEDERATION)?, size };
        gateway.start_backend().await?;
        let file = gateway.write()?;
        let args =
            ["--config", &file, "--source-address", &gateway.address(0).to_string()].map(str::to_owned);
        gateway.spawn(PROCESS, program, args.into()).await?;
        let ready = || requests::check(gateway.admin(), "/readyz");
        wait_until(READY, "the gateway to be ready", ready).await?;
        Ok(gateway)
    }

    async fn start_backend(&self) -> Result<()> {
        let hub = Addresses::of(self.owner.number(), 0);
        let control = SocketAddrV4::new(hub.control(), self.ports.control);
        let state = self.owner.dir().join("backends.json").display().to_string();
        let args = ["backend", "--region", "r0", "--control", &control.to_string(), "--state", &state];
        self.spawn("backend", find("world")?, args.map(str::to_owned).into()).await?;
        let behaviour = Behaviour::default();
        let named = Named { name: "cost".to_owned(), listen: self.backend(), behaviour, requests: 0 };
        wait_until(READY, "a backend", || requests::put(control, "/backends", &named)).await
    }

    async fn spawn(&self, name: &str, program: PathBuf, args: Vec<String>) -> Result<()> {
        let quiet = ("RUST_LOG", "info,hickory_server=error,hickory_proto=error");
        let of_image = IMAGE_MEMORY.lines().filter_map(|line| line.split_once('='));
        let env = of_image.chain([quiet]).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.owner.spawn(Spec { name: name.to_owned(), program, args, env }).await
    }

    fn backend(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Addresses::of(self.owner.number(), 0).backend(1), self.ports.backend)
    }

    /// The address of region `n`: front door, spill, and where its connections come from.
    pub(super) fn address(&self, n: usize) -> Ipv4Addr {
        Addresses::of(self.owner.number(), u8::try_from(n + 1).unwrap_or(u8::MAX)).front_door()
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.ports
    }

    fn admin(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address(0), self.ports.admin)
    }

    /// What proves that somebody is the gateway of region `n`; it names its address too, for who checks that.
    pub(super) fn pair(&self, n: usize) -> Result<Pair> {
        self.authority.gateway(&identity(n), self.address(n))
    }

    pub(super) fn authorities(&self) -> &str {
        self.authority.certificate()
    }

    fn write(&self) -> Result<String> {
        let folder = self.owner.dir().join(PROCESS);
        std::fs::create_dir_all(&folder)?;
        let pair = self.pair(0)?;
        std::fs::write(folder.join("tls.crt"), pair.certificate)?;
        std::fs::write(folder.join("tls.key"), pair.key)?;
        std::fs::write(folder.join("ca.crt"), self.authorities())?;
        let file = folder.join("gateway.yaml");
        std::fs::write(&file, serde_json::to_vec(&self.config())?)?;
        Ok(file.display().to_string())
    }

    fn config(&self) -> Value {
        let (size, ports) = (self.size, &self.ports);
        let own = |port: u16| SocketAddrV4::new(self.address(0), port).to_string();
        let regions: Vec<Value> = (0..size.regions).map(|n| json!({"name": region(n)})).collect();
        let peers: Vec<Value> = (0..size.regions).map(|n| self.peer(n)).collect();
        let priorities: serde_json::Map<String, Value> = (0..size.priorities)
            .map(|n| (priority(n), json!({"mode": "Local", "regions": regions})))
            .collect();
        let count = size.routes.div_ceil(ROUTES_A_BACKEND);
        let backends: serde_json::Map<String, Value> =
            (0..count).map(|n| (format!("b{n}"), json!({"endpoints": [self.backend()]}))).collect();
        let routes: Vec<Value> = (0..size.routes)
            .map(|n| {
                json!({
                    "name": format!("route-{n}"),
                    "host": host(n / ROUTES_A_HOST),
                    "path": format!("/api/{}/", n % ROUTES_A_HOST),
                    "backend": format!("b{}", n / ROUTES_A_BACKEND),
                    "priority": priority(n % size.priorities),
                })
            })
            .collect();
        json!({
            "region": region(0),
            "member": region(0),
            "listen": {
                "http": own(ports.http), "admin": own(ports.admin), "spill": own(ports.spill), "dns": own(ports.dns),
            },
            "identity": {"certificate": "tls.crt", "key": "tls.key", "authorities": "ca.crt"},
            "priorities": priorities,
            "peers": peers,
            "backends": backends,
            "routes": routes,
        })
    }

    fn peer(&self, n: usize) -> Value {
        json!({
            "federation": FEDERATION,
            "region": region(n),
            "member": region(n),
            "frontDoor": {"addresses": [self.address(n)], "httpPort": self.ports.http},
            "spill": {"addresses": [self.address(n)], "port": self.ports.spill},
            "identity": identity(n),
        })
    }

    /// What it believes.
    pub(super) async fn state(&self) -> Result<State> {
        requests::get(self.admin(), "/debug/state").await
    }

    /// Clients of its first route.
    pub(super) fn clients(&self, rate: f64) -> LoadOptions {
        let network = Ipv4Addr::new(127, self.owner.number(), 200, 0);
        super::clients(&host(0), self.address(0), self.ports.http, self.ports.dns, network)
            .path("/api/0/")
            .rate(rate)
    }

    /// What the kernel counted for it.
    pub(super) async fn usage(&self) -> Result<Usage> {
        let list = self.owner.list().await?;
        let pid = list.iter().find(|status| status.name == PROCESS).and_then(|status| status.pid);
        let pid = pid.context("the gateway has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        usage(&stat, &status, ticks_a_second()?).context("/proc has another shape")
    }
}

fn ticks_a_second() -> Result<f64> {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("no clock ticks")?;
    Ok(f64::from(u32::try_from(ticks)?))
}

/// Reads `/proc/PID/stat` (fields 14 and 15 are user's and system's ticks) and `/proc/PID/status`.
fn usage(stat: &str, status: &str, ticks_a_second: f64) -> Option<Usage> {
    // The name of the program, in brackets, may hold spaces.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let megabytes = |field: &str| {
        let line = status.lines().find(|line| line.starts_with(field))?;
        let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kibibytes * 1024.0 / 1e6)
    };
    Some(Usage {
        cpu_seconds: ticks / ticks_a_second,
        rss_mb: megabytes("VmRSS:")?,
        peak_rss_mb: megabytes("VmHWM:")?,
    })
}

pub(super) fn region(n: usize) -> String {
    format!("r{n}")
}

pub(super) fn priority(n: usize) -> String {
    format!("p{n}")
}

fn host(n: usize) -> String {
    format!("h{n}.cost.test")
}

fn identity(n: usize) -> String {
    format!("spiffe://{FEDERATION}/region/{}/member/{}", region(n), region(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_files_are_read_by_their_fields() {
        let stat = "77 (region gateway) S 1 77 77 0 -1 4194560 9 0 0 0 250 150 0 0 20 0 5 0 1 2 3";
        let status = "Name:\tx\nVmHWM:\t   40000 kB\nVmRSS:\t   30000 kB\n";
        let usage = usage(stat, status, 100.0).unwrap();
        assert!((usage.cpu_seconds - 4.0).abs() < 1e-9, "{}", usage.cpu_seconds);
        assert!((usage.rss_mb - 30.72).abs() < 1e-9 && (usage.peak_rss_mb - 40.96).abs() < 1e-9);
        assert!(super::usage("77 gone", status, 100.0).is_none());
    }
}
