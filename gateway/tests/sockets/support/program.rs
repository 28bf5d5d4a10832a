//! The program itself, as people start it, with what it says on stderr.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::client::{get, http1};
use super::{backend, eventually};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running gateway.
pub struct Program {
    pub child: Child,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    log: PathBuf,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_region-gateway"));
    command.kill_on_drop(true);
    command
}

/// The program after these words to a shell, such as `ulimit -n 64`.
pub fn bounded_command(words: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{words}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_region-gateway"));
    command.kill_on_drop(true);
    command
}

impl Program {
    /// As in a cluster, with this kubeconfig.
    pub fn with_kubeconfig(directory: &Path, kubeconfig: &str) -> Self {
        Self::with_flags(directory, kubeconfig, &[])
    }

    /// The same with further flags.
    pub fn with_flags(directory: &Path, kubeconfig: &str, flags: &[String]) -> Self {
        Self::start_with_kubeconfig(command(), directory, kubeconfig, flags)
    }

    /// The same by a command of one's own.
    pub fn start_with_kubeconfig(
        mut command: Command,
        directory: &Path,
        kubeconfig: &str,
        flags: &[String],
    ) -> Self {
        let path = directory.join("kubeconfig");
        std::fs::write(&path, kubeconfig).unwrap();
        let [http, spill, dns, admin] = std::array::from_fn(|_| backend::refusing());
        command
            .args(["--region", "first", "--member", "first-1", "--kubeconfig"])
            .arg(path)
            .arg("--snapshot-dir")
            .arg(directory)
            .args([format!("--http={http}"), format!("--spill={spill}")])
            .args([format!("--dns={dns}"), format!("--admin={admin}"), "--lame-duck-seconds=2".to_owned()])
            .args(flags);
        Self::spawn(command, directory, http, admin)
    }

    /// Alone, from a file whose `LISTEN` becomes the listeners.
    pub fn with_file(directory: &Path, text: &str) -> Self {
        let [http, admin] = std::array::from_fn(|_| backend::refusing());
        let program = |command| Self::spawn(command, directory, http, admin);
        let mut command = command();
        command.arg("--config").arg(directory.join("gateway.yaml")).arg("--lame-duck-seconds=0");
        write_file(directory, &listening(text, http, admin));
        program(command)
    }

    /// Alone, with a door for TLS.
    pub fn with_file_and_https(directory: &Path, text: &str, https: SocketAddr) -> Self {
        let [http, admin] = std::array::from_fn(|_| backend::refusing());
        let listen = format!("listen: {{http: '{http}', https: '{https}', admin: '{admin}'}}");
        write_file(directory, &text.replace("LISTEN", &listen));
        let mut command = command();
        command.arg("--config").arg(directory.join("gateway.yaml")).arg("--lame-duck-seconds=0");
        Self::spawn(command, directory, http, admin)
    }

    /// Beside another gateway on the same doors, from the same file.
    pub fn beside(other: &Self, directory: &Path, file: &Path) -> Self {
        let mut command = command();
        command.arg("--config").arg(file).arg("--lame-duck-seconds=1");
        Self::spawn(command, directory, other.http, other.admin)
    }

    pub fn spawn(mut command: Command, directory: &Path, http: SocketAddr, admin: SocketAddr) -> Self {
        let log = directory.join("gateway.log");
        let child = command.stderr(Stdio::from(std::fs::File::create(&log).unwrap())).spawn().unwrap();
        Self { child, http, admin, log }
    }

    /// Puts another text in the file's place.
    pub fn rewrite(&self, directory: &Path, text: &str) {
        write_file(directory, &listening(text, self.http, self.admin));
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub async fn readiness(&self) -> Option<StatusCode> {
        TcpStream::connect(self.admin).await.ok()?;
        Some(http1(self.admin, get("/readyz")).await.status())
    }

    pub async fn has_readiness(&self, expected: StatusCode) {
        let seen = eventually("/readyz", PATIENCE, || self.readiness(), |seen| *seen == Some(expected));
        seen.await;
    }

    pub async fn debug_config(&self) -> Value {
        serde_json::from_str(http1(self.admin, get("/debug/config")).await.body()).unwrap()
    }

    /// The value of a series without labels.
    pub async fn metric(&self, name: &str) -> Option<u64> {
        let text = http1(self.admin, get("/metrics")).await.into_body();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("spillway_gateway_{name} ")));
        line.and_then(|value| value.parse().ok())
    }

    /// The sum of a series over its labels.
    pub async fn metric_sum(&self, name: &str) -> u64 {
        let text = http1(self.admin, get("/metrics")).await.into_body();
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("spillway_gateway_{name}{{")));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    pub async fn confirm(&self) -> StatusCode {
        let request = Request::post("/config/confirm").header("host", "admin").body(Full::<Bytes>::default());
        http1(self.admin, request.unwrap()).await.status()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

fn listening(text: &str, http: SocketAddr, admin: SocketAddr) -> String {
    text.replace("LISTEN", &format!("listen: {{http: '{http}', admin: '{admin}'}}"))
}

/// Renamed into place, as careful writers do.
fn write_file(directory: &Path, text: &str) {
    let beside = directory.join("gateway.yaml.new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, directory.join("gateway.yaml")).unwrap();
}
