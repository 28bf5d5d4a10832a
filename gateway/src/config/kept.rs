//! Commands on disk, beside the snapshot: a gateway that restarts alone goes on with them.

use std::fs;
use std::io;

use spillway_decide::commands::Command;
use tokio_util::sync::CancellationToken;

use super::snapshot::{SnapshotDir, SnapshotError};
use crate::traffic::Traffic;

const FILE: &str = "commands.json";

impl SnapshotDir {
    /// What was kept; nothing if there is no file yet.
    pub fn load_commands(&self) -> Result<Vec<Command>, SnapshotError> {
        let path = self.path().join(FILE);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| SnapshotError::Content { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(SnapshotError::Io { path, source }),
        }
    }

    /// Restores what was kept, then keeps every change, until `stop`. Commands are rare: each is on disk as
    /// soon as the disk takes it.
    pub async fn keep_commands(self, traffic: Traffic, stop: CancellationToken) {
        match self.load_commands() {
            Ok(kept) => traffic.restore_commands(&kept),
            Err(error) => tracing::warn!(%error, "kept commands not used; peers will tell them"),
        }
        let mut changed = traffic.commands_changed();
        changed.mark_unchanged();
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => true,
                change = changed.changed() => change.is_err(),
            };
            let (directory, commands) = (self.clone(), traffic.commands());
            let saved = tokio::task::spawn_blocking(move || directory.save_commands(&commands)).await;
            if let Err(error) = saved.map_err(io::Error::other).flatten() {
                tracing::warn!(%error, "commands not kept on disk");
            }
            if ended {
                return;
            }
        }
    }

    fn save_commands(&self, commands: &[Command]) -> io::Result<()> {
        self.put(FILE, &serde_json::to_vec(commands)?)
    }
}
