//! The supervisor of one world: `world supervise`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::claim::Claim;
use super::protocol::{DETACH, Hello, Request, Response, SOCKET};
use super::table::Table;

/// Claims a number, says hello on stdout, and serves until the lifeline (stdin) is closed, [`Request::Down`]
/// comes, or SIGTERM. Then nothing of the world is left.
pub async fn supervise(root: &Path) -> Result<()> {
    let (claim, listener) = match settle(root) {
        Ok(settled) => settled,
        Err(error) => {
            // In the place of a hello: stderr is nobody's.
            println!("{error:#}");
            return Err(error);
        }
    };
    let table = Table::new(&logs(&claim));
    say_hello(&claim)?;

    let (down, mut downs) = mpsc::channel(1);
    let mut terminated = signal(SignalKind::terminate())?;
    let mut lifeline = tokio::spawn(hold_lifeline());
    let mut attached = true;
    let asked = loop {
        tokio::select! {
            detached = &mut lifeline, if attached => {
                if !detached.unwrap_or(false) {
                    break None;
                }
                attached = false;
            }
            stream = downs.recv() => break stream,
            _ = terminated.recv() => break None,
            Ok((stream, _)) = listener.accept() => {
                tokio::spawn(serve(stream, table.clone(), down.clone()));
            }
        }
    };
    table.kill_all().await;
    drop(claim);
    if let Some(mut stream) = asked {
        answer(&mut stream, &Response::Done).await?;
    }
    Ok(())
}

/// Everything that can go wrong before the first request.
fn settle(root: &Path) -> Result<(Claim, UnixListener)> {
    let claim = Claim::first_free(root)?;
    let logs = logs(&claim);
    std::fs::create_dir(&logs).with_context(|| format!("create {}", logs.display()))?;
    let log = File::create(logs.join("supervisor.log"))?;
    tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(log)).init();
    let listener =
        UnixListener::bind(claim.dir().join(SOCKET)).context("listen on the supervisor's socket")?;
    Ok((claim, listener))
}

fn logs(claim: &Claim) -> PathBuf {
    claim.dir().join("logs")
}

fn say_hello(claim: &Claim) -> Result<()> {
    let hello = Hello { number: claim.number(), dir: claim.dir().to_owned() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&hello)?)?;
    out.flush()?;
    Ok(())
}

/// Ends when the owner has: false, or when the owner has let go: true.
async fn hold_lifeline() -> bool {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == DETACH {
            return true;
        }
    }
    false
}

async fn serve(mut stream: UnixStream, table: Table, down: mpsc::Sender<UnixStream>) {
    let request = match read(&mut stream).await {
        Ok(Request::Down) => {
            let _ = down.send(stream).await;
            return;
        }
        Ok(request) => request,
        Err(error) => {
            tracing::warn!("a request that cannot be read: {error:#}");
            return;
        }
    };
    let response = act(request, &table).await.unwrap_or_else(|error| Response::Refused(format!("{error:#}")));
    if let Err(error) = answer(&mut stream, &response).await {
        tracing::debug!("an answer that nobody takes: {error:#}");
    }
}

async fn act(request: Request, table: &Table) -> Result<Response> {
    match request {
        Request::Start(spec) => table.start(spec).await?,
        Request::Restart(name) => table.restart(&name).await?,
        Request::Kill(name) => table.kill(&name).await?,
        Request::Term(name, milliseconds) => table.term(&name, Duration::from_millis(milliseconds)).await?,
        Request::Signal(name, signal) => table.signal(&name, signal)?,
        Request::List => return Ok(Response::Processes(table.list())),
        Request::Down => {}
    }
    Ok(Response::Done)
}

async fn read(stream: &mut UnixStream) -> Result<Request> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

async fn answer(stream: &mut UnixStream, response: &Response) -> Result<()> {
    let mut line = serde_json::to_string(response)?;
    line.push('\n');
    Ok(stream.write_all(line.as_bytes()).await?)
}
