//! The owner's side of a world's processes: the lifeline and the requests.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::protocol::{DETACH, Hello, Request, Response, SOCKET, Spec, Status};

/// How long a supervisor may take to end a world after its lifeline was closed.
const END: Duration = Duration::from_secs(15);

/// How often [`Owner::end_of`] looks.
const LOOK: Duration = Duration::from_millis(200);

/// A hold on a world's supervisor. With a lifeline the world ends with it.
#[derive(Debug)]
pub struct Owner {
    number: u8,
    dir: PathBuf,
    lifeline: Option<Child>,
}

impl Owner {
    /// Starts a supervisor: `program supervise`.
    pub fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .arg("supervise")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A detached supervisor must hold nothing that a reader of our output waits for.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {} supervise", program.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        let hello: Hello = serde_json::from_str(&line)
            .with_context(|| format!("the supervisor {} said {line:?}", program.display()))?;
        Ok(Self { number: hello.number, dir: hello.dir, lifeline: Some(child) })
    }

    /// A hold without a lifeline on the supervisor of the world in `dir`.
    #[must_use]
    pub fn attach(number: u8, dir: PathBuf) -> Self {
        Self { number, dir, lifeline: None }
    }

    /// Lets the world live on without this process.
    pub fn detach(&mut self) -> Result<()> {
        if let Some(mut child) = self.lifeline.take() {
            let stdin = child.stdin.as_mut().context("the lifeline is cut")?;
            writeln!(stdin, "{DETACH}")?;
        }
        Ok(())
    }

    /// The world's number.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The world's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a program.
    pub async fn spawn(&self, spec: Spec) -> Result<()> {
        self.ask(&Request::Start(spec)).await.map(drop)
    }

    /// Every program that was started, running or not.
    pub async fn list(&self) -> Result<Vec<Status>> {
        match self.ask(&Request::List).await? {
            Response::Processes(list) => Ok(list),
            other => bail!("asked for a list, got {other:?}"),
        }
    }

    /// Returns once one of the named programs has ended, with how: to give up waiting for it.
    pub async fn end_of(&self, names: &[String]) -> anyhow::Error {
        loop {
            let list = match self.list().await {
                Ok(list) => list,
                Err(error) => return error,
            };
            let mut wanted = list.iter().filter(|status| names.contains(&status.name));
            if let Some((name, how)) = wanted.find_map(|status| Some((&status.name, status.ended.as_ref()?)))
            {
                return anyhow!("{name} has ended: {how}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks for anything.
    pub async fn ask(&self, request: &Request) -> Result<Response> {
        let socket = self.dir.join(SOCKET);
        let mut stream = UnixStream::connect(&socket)
            .await
            .with_context(|| format!("no supervisor answers at {}", socket.display()))?;
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        tokio::io::BufReader::new(stream).read_line(&mut answer).await?;
        match serde_json::from_str(&answer).with_context(|| format!("the supervisor said {answer:?}"))? {
            Response::Refused(why) => bail!(why),
            response => Ok(response),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let Some(mut child) = self.lifeline.take() else { return };
        drop(child.stdin.take());
        let end = Instant::now() + END;
        while Instant::now() < end {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                _ => return,
            }
        }
    }
}
