//! What an owner asks of a supervisor: one JSON line each way, one connection a request.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The supervisor's socket, inside the world's directory.
pub const SOCKET: &str = "supervisor.sock";

/// The line on a lifeline that lets the world outlive its owner.
pub const DETACH: &str = "detach";

/// What the supervisor writes on stdout once it can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The world's number.
    pub number: u8,
    /// The world's directory.
    pub dir: PathBuf,
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The name by which it is asked for; its log is `logs/<name>.log`.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment on top of the supervisor's own.
    pub env: BTreeMap<String, String>,
}

/// The signals of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signal {
    /// SIGSTOP.
    Freeze,
    /// SIGCONT.
    Thaw,
}

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// Start a program; one of the same name that still runs is killed first.
    Start(Spec),
    /// Start a program again as it was started before.
    Restart(String),
    /// SIGKILL, and wait for the end.
    Kill(String),
    /// SIGTERM, and wait for the end; SIGKILL when that takes longer than so many milliseconds.
    Term(String, u64),
    /// A signal that does not end a process.
    Signal(String, Signal),
    /// What runs.
    List,
    /// End everything, remove the directory, exit.
    Down,
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Response {
    /// It is done.
    Done,
    /// To [`Request::List`].
    Processes(Vec<Status>),
    /// It was not done, and why.
    Refused(String),
}

/// A program that was started once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its process while it runs.
    pub pid: Option<i32>,
    /// How it ended, when it has.
    pub ended: Option<String>,
    /// Whether it was frozen by a signal.
    pub frozen: bool,
    /// How many times it was started.
    pub starts: u32,
}
