//! `kubectl spillway`, as a person at a terminal calls it.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::programs::find;
use super::{HUB, World};

/// A person would have given up.
const DEADLINE: Duration = Duration::from_mins(1);

impl World {
    /// The command against this world's hub, dead or alive, not yet begun.
    pub fn kubectl_spillway_command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(find("kubectl-spillway")?);
        command.arg("--kubeconfig").arg(self.kubeconfig(HUB)).args(arguments);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs it.
    pub async fn kubectl_spillway(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.kubectl_spillway_command(arguments)?;
        let output = tokio::time::timeout(DEADLINE, command.output()).await;
        Ok(output.with_context(|| format!("kubectl spillway {arguments:?}: not within {DEADLINE:?}"))??)
    }

    /// The same, which must succeed; gives what it printed.
    pub async fn kubectl_spillway_says(&self, arguments: &[&str]) -> Result<String> {
        let output = self.kubectl_spillway(arguments).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kubectl spillway {arguments:?}: {}: {complaint}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}
