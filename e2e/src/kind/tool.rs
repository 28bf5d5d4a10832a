//! Running Docker, kind, kubectl and our own programs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs a program; an error says what it said.
pub(super) async fn run<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[S]) -> Result<String> {
    run_with(program, arguments, "").await
}

/// Runs a program that reads `input`.
pub(super) async fn run_with<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: &[S],
    input: &str,
) -> Result<String> {
    let name = Path::new(program.as_ref()).display().to_string();
    let words: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect();
    let what = format!("{name} {}", words.join(" "));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().with_context(|| what.clone())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.with_context(|| what.clone())?;
    }
    let output = child.wait_with_output().await.with_context(|| what.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what}: {}: {}", output.status, said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
