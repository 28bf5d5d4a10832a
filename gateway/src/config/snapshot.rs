//! The last good config on disk, so that a gateway that restarts without its API server serves as before.
//!
//! Written beside and renamed into place, so that there is always one whole file; readable by its owner only,
//! since it holds the gateway's key, and those of the front door's certificates: without them a gateway that
//! restarts without its API server would refuse every client that wants TLS.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{Config, ConfigReceiver};
use crate::metrics::Metrics;

/// Raised when an older gateway could misread the file.
const VERSION: u32 = 1;
const FILE: &str = "config.json";
/// Endpoints that flap do not wear the disk out.
const PAUSE: Duration = Duration::from_secs(1);
/// A snapshot that could not be written is tried again so often.
const AGAIN: Duration = Duration::from_secs(5);

/// Where snapshots are kept.
#[derive(Clone, Debug)]
pub struct SnapshotDir {
    path: PathBuf,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    config: &'a Config,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    config: serde_json::Value,
}

/// Why a snapshot was not used.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The content.
    #[error("{path}: not a snapshot: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Another version's file.
    #[error("{path}: version {found}, this gateway reads version {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Another gateway's file.
    #[error("{path}: taken by the gateway of region {region}, member {member}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its region.
        region: String,
        /// Its member.
        member: String,
    },
}

impl SnapshotDir {
    /// Uses `path`, which is made if it is not there.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        fs::create_dir_all(path).map_err(|source| SnapshotError::Io { path: path.into(), source })?;
        Ok(Self { path: path.into() })
    }

    /// Reads the snapshot of the gateway that `own` names; none if there is no file yet.
    pub fn load(&self, own: &Config) -> Result<Option<Config>, SnapshotError> {
        let path = self.file();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SnapshotError::Io { path, source }),
        };
        let content = |source| SnapshotError::Content { path: path.clone(), source };
        let read: Read = serde_json::from_slice(&bytes).map_err(content)?;
        if read.version != VERSION {
            return Err(SnapshotError::Version { path, found: read.version });
        }
        let mut config: Config = serde_json::from_value(read.config).map_err(content)?;
        let (region, member) = (&config.identity.region, &config.identity.member);
        if (region, member) != (&own.identity.region, &own.identity.member) {
            return Err(SnapshotError::Foreign { path, region: region.clone(), member: member.clone() });
        }
        config.generation = 1;
        Ok(Some(config))
    }

    /// Puts the config in the place of the last snapshot.
    pub fn save(&self, config: &Config) -> Result<(), SnapshotError> {
        self.write(config).map_err(|source| SnapshotError::Io { path: self.file(), source })
    }

    fn write(&self, config: &Config) -> io::Result<()> {
        self.put(FILE, &serde_json::to_vec(&Written { version: VERSION, config })?)
    }

    /// Puts a whole file in the place of the last one.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Created with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(name))?;
        File::open(&self.path)?.sync_all()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Saves every config that is published, at most one a second, until `stop` or the writer's end.
    /// What could not be written (a full disk, say) is tried again, with what is latest by then.
    pub async fn follow(self, mut config: ConfigReceiver, metrics: Metrics, stop: CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = config.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(AGAIN), if failing => {}
            }
            let latest = Arc::clone(&config.borrow_and_update());
            let directory = self.clone();
            let saved = tokio::task::spawn_blocking(move || directory.save(&latest)).await;
            let failed = match &saved {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = &failed {
                metrics.snapshot_failed();
                // Said once in a row.
                if !failing {
                    tracing::warn!(%error, "snapshot not written; the last one stays");
                }
            }
            failing = failed.is_some();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.path.join(FILE)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn own() -> Config {
        Config { generation: 7, ..Config::empty("shenzhen", "sz-1") }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let snapshots = SnapshotDir::open(&directory.path().join("new")).unwrap();
        assert!(snapshots.load(&own()).unwrap().is_none());
        snapshots.save(&own()).unwrap();
        let loaded = snapshots.load(&Config::empty("shenzhen", "sz-1")).unwrap().unwrap();
        assert_eq!(loaded, Config { generation: 1, ..own() });
        let mode = fs::metadata(snapshots.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the snapshot holds a private key");
        assert_eq!(fs::read_dir(&snapshots.path).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_not_ours_is_not_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let snapshots = SnapshotDir::open(directory.path()).unwrap();
        snapshots.save(&own()).unwrap();
        let other = Config::empty("beijing", "bj-1");
        assert!(matches!(snapshots.load(&other), Err(SnapshotError::Foreign { .. })));
        fs::write(snapshots.file(), "{\"version\": 99, \"config\": {}}").unwrap();
        assert!(matches!(snapshots.load(&own()), Err(SnapshotError::Version { found: 99, .. })));
        fs::write(snapshots.file(), "{\"version\": 1, \"conf").unwrap();
        assert!(matches!(snapshots.load(&own()), Err(SnapshotError::Content { .. })));
    }
}
