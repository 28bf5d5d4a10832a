//! The tasks of each peer: one probes its front door, one exchanges reports with it. A peer that hangs keeps
//! only its own two waiting.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use spillway_decide::Peer;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Traffic, doors, exchange};
use crate::config::Config;
use crate::mtls::PeerClient;

struct Tasks {
    peer: Arc<Peer>,
    stop: CancellationToken,
}

/// Keeps the tasks those of the config's peers, until `stop`.
pub(super) async fn peers(
    traffic: Traffic,
    client: PeerClient,
    source: Option<IpAddr>,
    stop: CancellationToken,
) {
    let mut config = traffic.inner.config.clone();
    let mut running: BTreeMap<String, Tasks> = BTreeMap::new();
    let tracker = TaskTracker::new();
    loop {
        let latest = Arc::clone(&config.borrow_and_update());
        end_the_changed(&mut running, &latest);
        for peer in latest.other_peers() {
            if !running.contains_key(&peer.member) {
                let tasks = Tasks { peer: Arc::new(peer.clone()), stop: stop.child_token() };
                start(&tracker, &tasks, &traffic, &client, source);
                running.insert(peer.member.clone(), tasks);
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = config.changed() => if changed.is_err() { break },
        }
    }
    for tasks in running.values() {
        tasks.stop.cancel();
    }
    tracker.close();
    tracker.wait().await;
}

fn end_the_changed(running: &mut BTreeMap<String, Tasks>, config: &Config) {
    running.retain(|_, tasks| {
        let stays = config.other_peers().any(|peer| *peer == *tasks.peer);
        if !stays {
            tasks.stop.cancel();
        }
        stays
    });
}

fn start(
    tracker: &TaskTracker,
    tasks: &Tasks,
    traffic: &Traffic,
    client: &PeerClient,
    source: Option<IpAddr>,
) {
    let doubt = Arc::new(Notify::new());
    let (peer, stop) = (Arc::clone(&tasks.peer), tasks.stop.clone());
    tracker.spawn(doors::watch(traffic.clone(), peer, source, Arc::clone(&doubt), stop));
    let (peer, stop) = (Arc::clone(&tasks.peer), tasks.stop.clone());
    tracker.spawn(exchange::talk(traffic.clone(), peer, client.clone(), doubt, stop));
}
