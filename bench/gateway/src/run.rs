//! One proxy in one case, once.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::Case;
use crate::cores::Cores;
use crate::figures::Figure;
use crate::load::Load;
use crate::proxies::{Kind, Site};
use crate::{idle, process};

/// A proxy with ten thousand routes takes its time to start.
const START: Duration = Duration::from_mins(1);
const END: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);
/// Memory settles after a change: what was freed goes back to the system after a second (mimalloc).
const SETTLE: Duration = Duration::from_secs(2);

/// What all runs share.
pub(crate) struct Bench<'a> {
    pub(crate) libraries: &'a Path,
    pub(crate) h2load: &'a Path,
    pub(crate) cores: Cores,
    pub(crate) backend: SocketAddr,
    pub(crate) rate: u32,
    pub(crate) duration: Duration,
}

/// A proxy that runs; ended when it is dropped.
struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A program that is compiled to count what it does writes that down when it ends by itself.
        if !matches!(self.asked_to_end(), Ok(true)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Bench<'_> {
    /// Measures; none if the proxy cannot do what the case asks for.
    pub(crate) fn measure(&self, kind: Kind, program: &Path, case: Case) -> anyhow::Result<Option<Figure>> {
        let folder = tempfile::tempdir()?;
        let site = Site { case, port: free_port()?, backend: self.backend, program, folder: folder.path() };
        let Some(arguments) = kind.prepare(&site)? else { return Ok(None) };
        let mut command = Command::new("taskset");
        command.args(["-c", &self.cores.proxy.to_string()]).arg(program).args(arguments);
        command.env("LD_LIBRARY_PATH", self.libraries).envs(kind.environment()).current_dir(folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log"))?);
        let mut running = Running { child: command.spawn().context("taskset")? };
        let told = |error: anyhow::Error| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            error.context(format!("{} in {}\n{log}", kind.name(), case.name()))
        };
        running.wait_until_up(site.port).map_err(told)?;
        self.figures(kind, &site, &running).map(Some).map_err(told)
    }

    fn figures(&self, kind: Kind, site: &Site<'_>, running: &Running) -> anyhow::Result<Figure> {
        let pid = running.child.id();
        let mut figure = Figure {
            proxy: kind,
            case: site.case,
            cpu_us_per_request: None,
            system_us_per_request: None,
            rps: None,
            p50_us: None,
            p99_us: None,
            p999_us: None,
            rss_mb: 0.0,
        };
        if let Some(count) = site.case.idle_connections() {
            let held = idle::connect(site.port, count)?;
            thread::sleep(SETTLE);
            figure.rss_mb = process::rss_mb(pid)?;
            drop(held);
        } else {
            self.loaded(site, pid, &mut figure)?;
        }
        Ok(figure)
    }

    fn loaded(&self, site: &Site<'_>, pid: u32, figure: &mut Figure) -> anyhow::Result<()> {
        let load = Load {
            program: self.h2load,
            libraries: self.libraries,
            folder: site.folder,
            cores: self.cores,
            case: site.case,
            port: site.port,
        };
        warm_up(&load)?;
        let before = process::spent(pid)?;
        let half = self.duration / 2;
        let (served, rss) = thread::scope(|scope| {
            let closed = scope.spawn(|| load.closed(self.duration));
            thread::sleep(half);
            let rss = process::rss_mb(pid);
            (closed.join(), rss)
        });
        let Ok(served) = served else { bail!("the load's thread broke") };
        let (served, after) = (served?, process::spent(pid)?);
        let latencies = load.at_rate(self.rate, self.duration)?;
        let (user, system) = (after.user_us - before.user_us, after.system_us - before.system_us);
        figure.cpu_us_per_request = Some((user + system) / served.requests);
        figure.system_us_per_request = Some(system / served.requests);
        figure.rps = Some(served.rps);
        figure.p50_us = Some(latencies.p50);
        figure.p99_us = Some(latencies.p99);
        figure.p999_us = Some(latencies.p999);
        figure.rss_mb = rss?;
        Ok(())
    }
}

impl Running {
    /// Whether it has ended when it was told to.
    fn asked_to_end(&mut self) -> anyhow::Result<bool> {
        if self.child.try_wait()?.is_some() {
            return Ok(true);
        }
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let deadline = Instant::now() + END;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            thread::sleep(PAUSE);
        }
        Ok(true)
    }

    fn wait_until_up(&mut self, port: u16) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it has ended: {status}");
            }
            if Instant::now() > deadline {
                bail!("it does not listen within {} s", START.as_secs());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// Until all requests are served: Traefik listens before it knows its routes.
fn warm_up(load: &Load<'_>) -> anyhow::Result<()> {
    let deadline = Instant::now() + START;
    loop {
        match load.closed(WARM_UP) {
            Err(_) if Instant::now() < deadline => {}
            warm => return warm.map(drop),
        }
    }
}

/// A port that nobody has at this moment.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
