//! The file as it changes: what it says is taken up, and what is wrong with it is reported while the gateway
//! serves what it has.
//!
//! The file and those it names are looked at each second, and at once on SIGHUP. Their bytes are compared, not
//! their times: that sees a file that was renamed into place and a mounted `ConfigMap` alike. A file that was
//! refused is tried at each look: what it lacks may come by any path, and only its own fault says which.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::check::{Fault, located, parse};
use super::{GatewayFile, build};
use crate::config::Config;
use crate::config::intake::{Intake, Source};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Its content.
    #[error("{}", told(path, faults))]
    Faults {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        faults: Vec<Fault>,
    },
    /// It changes what only a restart can change.
    #[error("{path}: {fields} changed, which needs a restart", path = path.display())]
    Restart {
        /// The file.
        path: PathBuf,
        /// The fields.
        fields: String,
    },
}

/// One fault a line, as compilers do.
fn told(path: &Path, faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", path.display())).collect();
    lines.join("\n")
}

/// A file that is there, with what it says.
pub struct Loaded {
    path: PathBuf,
    bytes: Vec<Vec<u8>>,
    /// Why the file that is there now was not taken; it is told once.
    refused: Option<String>,
    /// The document.
    pub file: GatewayFile,
    /// What it compiles to.
    pub config: Config,
}

/// Reads a file whole: its text, its meaning, and the files that it names.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    let text = std::fs::read_to_string(path).map_err(|source| FileError::Io { path: path.into(), source })?;
    let faults = |faults| FileError::Faults { path: path.into(), faults };
    let file = parse(&text).map_err(faults)?;
    let config = build::build(&file, folder(path)).map_err(|found| faults(located(&text, found)))?;
    let bytes = bytes_of(path, &file);
    Ok(Loaded { path: path.into(), bytes, refused: None, file, config })
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// The bytes of the file and of those it names; of one that cannot be read, none.
fn bytes_of(path: &Path, file: &GatewayFile) -> Vec<Vec<u8>> {
    let identity =
        file.identity.iter().flat_map(|files| [&files.certificate, &files.key, &files.authorities]);
    let tls = file.tls.iter().flat_map(|entry| [&entry.certificate, &entry.key]);
    let named = identity.chain(tls).map(|named| folder(path).join(named));
    let paths = std::iter::once(path.to_owned()).chain(named);
    paths.map(|path| std::fs::read(path).unwrap_or_default()).collect()
}

impl Loaded {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes up changes until `stop`.
    pub async fn follow(mut self, intake: Intake, stop: CancellationToken) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                () = hung_up(&mut hangup) => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            self.look(&intake, asked);
        }
    }

    fn look(&mut self, intake: &Intake, asked: bool) {
        let bytes = bytes_of(&self.path, &self.file);
        let changed = bytes != self.bytes || asked;
        if !changed && self.refused.is_none() {
            return;
        }
        self.bytes = bytes;
        match load(&self.path).and_then(|loaded| self.same_process(loaded)) {
            Ok(loaded) => {
                intake.offer(loaded.config, &[], &Source::File(self.path.clone()));
                self.file = loaded.file;
                self.bytes = loaded.bytes;
                self.refused = None;
            }
            Err(error) => {
                let told = error.to_string();
                if changed || self.refused.as_ref() != Some(&told) {
                    intake.refuse(&told);
                }
                self.refused = Some(told);
            }
        }
    }

    /// What a running process cannot change must be as it was.
    fn same_process(&self, loaded: Self) -> Result<Self, FileError> {
        let (old, new) = (&self.file, &loaded.file);
        let changed = [
            ("region", old.region != new.region),
            ("member", old.member != new.member),
            ("listen", old.listen != new.listen),
            ("bounds", old.bounds != new.bounds),
            ("observability", old.observability != new.observability),
        ];
        let fields: Vec<&str> =
            changed.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name).collect();
        if fields.is_empty() {
            Ok(loaded)
        } else {
            Err(FileError::Restart { path: self.path.clone(), fields: fields.join(", ") })
        }
    }
}

/// Without a handler, SIGHUP would end the process and nothing would be left to wait here.
async fn hung_up(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}
