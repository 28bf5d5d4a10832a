//! The file as it changes: what it says is taken up, and what is wrong with it is reported while the gateway
//! serves what it has.
//!
//! The file and those it names are looked at each second, and at once on SIGHUP. Digests of their bytes are compared,
//! not their times: that sees a file that was renamed into place and a mounted `ConfigMap` alike. A file that was
//! refused is tried at each look: what it lacks may come by any path, and only its own fault says which.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
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
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: std::io::Error,
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

/// A file that was read, with what it says.
pub struct Loaded {
    /// What it compiles to.
    pub config: Config,
    /// What is kept of it, to see that it changes.
    pub kept: Kept,
}

/// A file that is followed. What it says of routes, backends and regions is in the config and nowhere else: of ten
/// thousand routes a second copy is many megabytes.
pub struct Kept {
    path: PathBuf,
    digests: Vec<Digest>,
    /// Why the file that is there now was not taken; it is told once.
    refused: Option<String>,
    /// The document without its large lists.
    pub file: GatewayFile,
}

/// SHA-256 of a file; of one that cannot be read, of nothing.
type Digest = [u8; 32];

/// Reads a file whole: its text, its meaning, and the files that it names.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    let text = std::fs::read_to_string(path).map_err(|error| FileError::Io { path: path.into(), error })?;
    let faults = |faults| FileError::Faults { path: path.into(), faults };
    let mut file = parse(&text).map_err(faults)?;
    let config = build::build(&file, folder(path)).map_err(|found| faults(located(&text, found)))?;
    let digests = digests_of(path, &file);
    (file.routes, file.peers) = (Vec::new(), Vec::new());
    (file.backends, file.priorities) = (BTreeMap::new(), BTreeMap::new());
    Ok(Loaded { config, kept: Kept { path: path.into(), digests, refused: None, file } })
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// The digests of the file and of those it names.
fn digests_of(path: &Path, file: &GatewayFile) -> Vec<Digest> {
    let identity =
        file.identity.iter().flat_map(|files| [&files.certificate, &files.key, &files.authorities]);
    let tls = file.tls.iter().flat_map(|entry| [&entry.certificate, &entry.key]);
    let named = identity.chain(tls).map(|named| folder(path).join(named));
    let paths = std::iter::once(path.to_owned()).chain(named);
    paths.map(|path| digest(&path).unwrap_or_else(|_| Sha256::new().finalize().into())).collect()
}

/// In small pieces: the file is looked at each second, and may be large.
fn digest(path: &Path) -> std::io::Result<Digest> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    std::io::copy(&mut file, &mut digest)?;
    Ok(digest.finalize().into())
}

impl Kept {
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
        let digests = digests_of(&self.path, &self.file);
        let changed = digests != self.digests || asked;
        if !changed && self.refused.is_none() {
            return;
        }
        self.digests = digests;
        match load(&self.path).and_then(|loaded| self.same_process(loaded)) {
            Ok(Loaded { config, kept }) => {
                intake.offer(config, &[], &Source::File(self.path.clone()));
                *self = kept;
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
    fn same_process(&self, loaded: Loaded) -> Result<Loaded, FileError> {
        let (old, new) = (&self.file, &loaded.kept.file);
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
