//! Faults of processes: kill, freeze, restart.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::address::at;
use super::{HUB, Process, World};
use crate::process::protocol::Request;
use crate::process::{Signal, Status};
use crate::requests;
use crate::wait::wait_until;

/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);

/// How long what was killed may take until it is ready again.
const READY_AGAIN: Duration = Duration::from_mins(1);

impl World {
    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(&self, process: &Process) -> Result<()> {
        for name in self.started(process).await?.into_iter().rev() {
            self.owner.ask(&Request::Kill(name)).await?;
        }
        Ok(())
    }

    /// SIGTERM, and waits until the process is gone; an error after 30 s.
    pub async fn term(&self, process: &Process) -> Result<()> {
        let milliseconds = u64::try_from(GRACE.as_millis())?;
        for name in self.started(process).await?.into_iter().rev() {
            self.owner.ask(&Request::Term(name, milliseconds)).await?;
        }
        Ok(())
    }

    /// SIGSTOP: the process is there and does nothing; its sockets accept and stay silent.
    pub async fn freeze(&self, process: &Process) -> Result<()> {
        self.signal(process, Signal::Freeze).await
    }

    /// SIGCONT.
    pub async fn thaw(&self, process: &Process) -> Result<()> {
        self.signal(process, Signal::Thaw).await
    }

    async fn signal(&self, process: &Process, signal: Signal) -> Result<()> {
        for name in self.started(process).await? {
            self.owner.ask(&Request::Signal(name, signal)).await?;
        }
        Ok(())
    }

    /// Starts a process again that was killed (kills it first if it runs). Does not wait until it is ready:
    /// a gateway without its API server may never be; see [`World::wait_ready`].
    pub async fn restart(&self, process: &Process) -> Result<()> {
        for name in self.started(process).await? {
            self.owner.ask(&Request::Restart(name)).await?;
        }
        Ok(())
    }

    /// What there is of a process: a world from `KUBEBUILDER_ASSETS` may have no controller-manager.
    async fn started(&self, process: &Process) -> Result<Vec<String>> {
        let there = self.owner.list().await?;
        let mut names = process.names();
        names.retain(|name| there.iter().any(|status| &status.name == name));
        ensure!(!names.is_empty(), "this world has no {process}");
        Ok(names)
    }

    /// Waits until the process says that it is ready.
    pub async fn wait_ready(&self, process: &Process, deadline: Duration) -> Result<()> {
        let server = match process {
            Process::Gateway(region) => at(self.gateway_address(region)?, self.ports().admin),
            Process::Controller(replica) => self.setting().controller_listens(*replica),
            Process::Backend(region) => {
                return self.wait_path(process, self.switches(region)?, "/backends", deadline).await;
            }
            Process::FaultProxy => {
                return self.wait_path(process, self.proxy_control(), "/rules", deadline).await;
            }
            Process::ApiServer(region)
            | Process::Etcd(region)
            | Process::ControllerManager(region)
            | Process::ControlPlane(region) => {
                let plane =
                    self.planes.get(region).with_context(|| format!("there is no region {region:?}"))?;
                return plane.wait_ready(deadline).await;
            }
        };
        self.wait_path(process, server, "/readyz", deadline).await
    }

    async fn wait_path(
        &self,
        process: &Process,
        server: std::net::SocketAddrV4,
        path: &str,
        deadline: Duration,
    ) -> Result<()> {
        let what = format!("{process} to be ready");
        let names = process.names();
        let ready = tokio::select! {
            ready = wait_until(deadline, &what, || requests::check(server, path)) => ready,
            end = self.owner.end_of(&names) => Err(end),
        };
        ready.with_context(|| super::logs::last_lines(&self.logs(), &[&process.to_string()]))
    }

    /// Every process that was started in this world, running or not.
    pub async fn processes(&self) -> Result<Vec<Status>> {
        self.owner.list().await
    }

    /// Ends every fault: links carry again, backends behave, what is frozen is thawed, what was killed is
    /// started and waited for.
    pub async fn heal_all(&self) -> Result<()> {
        let processes = self.processes().await?;
        for frozen in processes.iter().filter(|status| status.frozen) {
            self.owner.ask(&Request::Signal(frozen.name.clone(), Signal::Thaw)).await?;
        }
        let mut ended: Vec<&Status> = processes.iter().filter(|status| status.ended.is_some()).collect();
        ended.sort_by_key(|status| rank(&status.name));
        for status in &ended {
            self.owner.ask(&Request::Restart(status.name.clone())).await?;
        }
        for process in self.all_processes() {
            if process.names().iter().any(|name| ended.iter().any(|status| &status.name == name)) {
                self.wait_ready(&process, READY_AGAIN).await?;
            }
        }
        self.heal_links().await?;
        self.heal_backends().await
    }

    fn all_processes(&self) -> Vec<Process> {
        let planes = std::iter::once(HUB.to_owned()).chain(self.regions().iter().cloned());
        let mut all = vec![Process::FaultProxy];
        all.extend(planes.map(Process::ControlPlane));
        all.extend(
            self.regions().iter().cloned().flat_map(|r| [Process::Backend(r.clone()), Process::Gateway(r)]),
        );
        all.push(Process::Controller(0));
        all
    }
}

/// What needs others is started after them.
fn rank(name: &str) -> usize {
    let order = ["faultproxy", "backend-", "etcd-", "apiserver-"];
    order.iter().position(|prefix| name.starts_with(prefix)).unwrap_or(order.len())
}
