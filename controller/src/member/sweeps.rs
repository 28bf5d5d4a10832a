//! Deletes on a member that nobody asked for by name and that wait for the guard.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use spillway_placement::ObjectKey;
use tokio::sync::Notify;

use crate::recent::Recent;

/// What waits for the guard.
#[derive(Debug, Default)]
pub(crate) struct Sweeps {
    waiting: Mutex<BTreeSet<ObjectKey>>,
    wake: Notify,
    /// What the guard let pass.
    pub(crate) recent: Recent,
}

impl Sweeps {
    /// Asks for a delete.
    pub(crate) fn ask(&self, key: ObjectKey) {
        self.waiting.lock().insert(key);
        self.wake.notify_one();
    }

    /// Until somebody asks.
    pub(crate) async fn asked(&self) {
        self.wake.notified().await;
    }

    /// What waits.
    pub(crate) fn waiting(&self) -> Vec<ObjectKey> {
        self.waiting.lock().iter().cloned().collect()
    }

    /// A delete is done, or no longer wanted.
    pub(crate) fn drop(&self, key: &ObjectKey) {
        self.waiting.lock().remove(key);
    }
}
