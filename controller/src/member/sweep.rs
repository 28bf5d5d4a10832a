//! Deletes that nobody asked for by name: gathered for a moment, and done only if the guard lets them pass.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use kube::{Client, ResourceExt};
use parking_lot::Mutex;
use spillway_crds::names::annotations::ALLOW_DELETES;
use spillway_decide::plan::{Guard, Sweep};
use spillway_placement::ObjectKey;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use super::{
    Member,
    place::{delete_inferred, still_unwanted},
};
use crate::{federation::Federation, hub::Name, object::Kind, queue::Outcome};

/// What belongs together arrives within this.
const GATHER: Duration = Duration::from_millis(300);
/// How long a delete counts against the next ones.
const MEMORY: Duration = Duration::from_mins(1);
/// How often held deletes are looked at again: a person may have allowed them.
const ROUND: Duration = Duration::from_secs(2);

/// What waits for the guard.
#[derive(Debug, Default)]
pub(crate) struct Sweeps {
    waiting: Mutex<BTreeSet<ObjectKey>>,
    done: Mutex<VecDeque<Instant>>,
    wake: Notify,
}

impl Sweeps {
    /// Asks for a delete.
    pub(crate) fn ask(&self, key: ObjectKey) {
        self.waiting.lock().insert(key);
        self.wake.notify_one();
    }

    fn recent(&self) -> usize {
        let mut done = self.done.lock();
        while done.front().is_some_and(|at| at.elapsed() > MEMORY) {
            done.pop_front();
        }
        done.len()
    }
}

/// Sweeps until dropped.
pub(crate) async fn sweep(f: &Federation, member: &Member, client: &Client) {
    loop {
        if member.sweeps.waiting.lock().is_empty() {
            member.sweeps.wake.notified().await;
            sleep(GATHER).await;
        } else {
            let _ = timeout(ROUND, member.sweeps.wake.notified()).await;
        }
        let asked: Vec<_> = member.sweeps.waiting.lock().iter().cloned().collect();
        let (wanted, dropped): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|key| still_unwanted(f, member, client, key));
        for key in &dropped {
            member.sweeps.waiting.lock().remove(key);
        }
        let recent = member.sweeps.recent();
        let guard = Guard { total: total(member) + recent, recent, allowed: allowed(f, member) };
        match guard.sweep(wanted) {
            Sweep::Pass(keys) => {
                hold(f, member, None);
                for key in keys {
                    delete(f, member, client, key).await;
                }
            }
            Sweep::Hold { held, message } => {
                let number = held.len();
                let how = format!(
                    "{message}; if that is right, annotate the MemberCluster with {ALLOW_DELETES}: \"{number}\""
                );
                hold(f, member, Some(how));
            }
        }
    }
}

async fn delete(f: &Federation, member: &Member, client: &Client, key: ObjectKey) {
    if delete_inferred(f, member, client, &key).await == Outcome::Failed {
        return; // it waits on
    }
    member.sweeps.waiting.lock().remove(&key);
    member.sweeps.done.lock().push_back(Instant::now());
}

/// Tells people, once.
fn hold(f: &Federation, member: &Member, held: Option<String>) {
    let changed = member.update_health(|health| health.held.clone_from(&held));
    if changed {
        if let Some(message) = held {
            tracing::warn!(member = member.name, message, "deletes are held");
        }
        f.queues.clusters.add(Name::cluster(&member.name));
    }
}

fn total(member: &Member) -> usize {
    Kind::ALL.iter().map(|kind| member.cache(*kind).len()).sum()
}

fn allowed(f: &Federation, member: &Member) -> usize {
    let cluster = f.hub.clusters.get(&Name::cluster(&member.name));
    let text = cluster.as_ref().and_then(|cluster| cluster.annotations().get(ALLOW_DELETES));
    text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}
