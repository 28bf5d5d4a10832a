//! The processes that a supervisor has started, by name.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::{Signal as UnixSignal, killpg};
use nix::unistd::Pid;
use parking_lot::Mutex;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::protocol::{Signal, Spec, Status};

/// How long the kernel may take to end a process after SIGKILL.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// Every process of a world.
#[derive(Clone, Debug)]
pub(super) struct Table {
    logs: PathBuf,
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    spec: Spec,
    starts: u32,
    frozen: bool,
    running: Running,
}

/// A process and, once it is reaped, how it ended. A pid is used only while this says that it runs: after
/// that the kernel may give the number to a stranger.
#[derive(Clone, Debug)]
struct Running {
    pid: Pid,
    ended: watch::Receiver<Option<String>>,
}

impl Running {
    fn signal(&self, signal: UnixSignal) -> Result<()> {
        if self.ended.borrow().is_some() {
            return Ok(());
        }
        killpg(self.pid, signal).with_context(|| format!("{signal} to {}", self.pid))
    }

    async fn ended_within(&self, deadline: Duration) -> bool {
        let mut ended = self.ended.clone();
        tokio::time::timeout(deadline, ended.wait_for(Option::is_some)).await.is_ok()
    }
}

impl Table {
    pub(super) fn new(logs: &Path) -> Self {
        Self { logs: logs.to_owned(), entries: Arc::default() }
    }

    /// Starts a program in a process group of its own; kills one of the same name first.
    pub(super) async fn start(&self, spec: Spec) -> Result<()> {
        if self.running(&spec.name).is_ok() {
            self.kill(&spec.name).await?;
        }
        // Held across the spawn, so that no `kill_all` can miss a process.
        let mut entries = self.entries.lock();
        let child = spawn(&spec, &self.logs)?;
        let starts = entries.get(&spec.name).map_or(0, |entry| entry.starts) + 1;
        let running = reap(child)?;
        entries.insert(spec.name.clone(), Entry { spec, starts, frozen: false, running });
        Ok(())
    }

    pub(super) async fn restart(&self, name: &str) -> Result<()> {
        let spec = self.entries.lock().get(name).map(|entry| entry.spec.clone());
        self.start(spec.ok_or_else(|| unknown(name))?).await
    }

    pub(super) async fn kill(&self, name: &str) -> Result<()> {
        let running = self.running(name)?;
        running.signal(UnixSignal::SIGKILL)?;
        running
            .ended_within(KILL_DEADLINE)
            .await
            .then_some(())
            .ok_or_else(|| anyhow!("{name} survived SIGKILL"))
    }

    pub(super) async fn term(&self, name: &str, deadline: Duration) -> Result<()> {
        let running = self.running(name)?;
        running.signal(UnixSignal::SIGTERM)?;
        if running.ended_within(deadline).await {
            return Ok(());
        }
        self.kill(name).await?;
        Err(anyhow!("{name} had to be killed: it did not end within {deadline:?} of SIGTERM"))
    }

    pub(super) fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(name).ok_or_else(|| unknown(name))?;
        entry.frozen = signal == Signal::Freeze;
        entry.running.signal(match signal {
            Signal::Freeze => UnixSignal::SIGSTOP,
            Signal::Thaw => UnixSignal::SIGCONT,
        })
    }

    pub(super) fn list(&self) -> Vec<Status> {
        self.entries.lock().iter().map(|(name, entry)| entry.status(name)).collect()
    }

    /// SIGKILL for all, at once, then waits for all.
    pub(super) async fn kill_all(&self) {
        let all: Vec<Running> = self.entries.lock().values().map(|entry| entry.running.clone()).collect();
        for running in &all {
            if let Err(error) = running.signal(UnixSignal::SIGKILL) {
                tracing::warn!("{error:#}");
            }
        }
        for running in &all {
            running.ended_within(KILL_DEADLINE).await;
        }
    }

    fn running(&self, name: &str) -> Result<Running> {
        self.entries.lock().get(name).map(|entry| entry.running.clone()).ok_or_else(|| unknown(name))
    }
}

impl Entry {
    fn status(&self, name: &str) -> Status {
        let ended = self.running.ended.borrow().clone();
        Status {
            name: name.to_owned(),
            pid: ended.is_none().then(|| self.running.pid.as_raw()),
            frozen: self.frozen && ended.is_none(),
            ended,
            starts: self.starts,
        }
    }
}

fn spawn(spec: &Spec, logs: &Path) -> Result<Child> {
    let log = logs.join(format!("{}.log", spec.name));
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("open the log {}", log.display()))?;
    Command::new(&spec.program)
        .args(&spec.args)
        .envs(&spec.env)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .with_context(|| format!("start {} ({})", spec.name, spec.program.display()))
}

fn reap(mut child: Child) -> Result<Running> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).context("a child without a pid")?;
    let (tell, ended) = watch::channel(None);
    tokio::spawn(async move {
        let how = match child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => format!("cannot be waited for: {error}"),
        };
        tell.send_replace(Some(how));
    });
    Ok(Running { pid: Pid::from_raw(pid), ended })
}

fn unknown(name: &str) -> anyhow::Error {
    anyhow!("no process {name:?} was started in this world")
}
