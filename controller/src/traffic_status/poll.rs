//! Asking every gateway each second, each on its own: one that hangs delays nobody's status but its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use kube::ResourceExt;
use parking_lot::Mutex;
use rustls::ClientConfig;
use spillway_crds::{MemberCluster, names::member_identity};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::client::{AskError, Connection, ask, config};
use crate::{federation::Federation, hub::Name};

const EVERY: Duration = Duration::from_secs(1);

/// What is kept of a gateway between two questions.
#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    config: Option<(String, Arc<ClientConfig>)>,
    /// How often asking failed in a row; also which of its addresses is next.
    failures: usize,
}

/// A question that is under way, however it ends.
struct Busy {
    all: Arc<Mutex<BTreeSet<String>>>,
    member: String,
}

impl Busy {
    /// None while the member's last question is under way.
    fn begin(all: &Arc<Mutex<BTreeSet<String>>>, member: &str) -> Option<Self> {
        let begun = all.lock().insert(member.to_owned());
        begun.then(|| Self { all: all.clone(), member: member.to_owned() })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().remove(&self.member);
    }
}

/// Asks until cancelled.
pub(crate) async fn poll(f: Arc<Federation>, cancel: CancellationToken) {
    let lines: Arc<Mutex<BTreeMap<String, Line>>> = Arc::default();
    let busy: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let tasks = TaskTracker::new();
    let asking = async {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for member in f.board.expire() {
                f.queues.clusters.add(Name::cluster(&member));
            }
            let is_member = |name: &String| f.hub.clusters.get(&Name::cluster(name)).is_some();
            lines.lock().retain(|name, _| is_member(name));
            for cluster in f.hub.clusters.values() {
                let Some(busy) = Busy::begin(&busy, &cluster.name_any()) else { continue };
                let (f, lines) = (f.clone(), lines.clone());
                tasks.spawn(async move {
                    question(&f, &lines, &cluster).await;
                    drop(busy);
                });
            }
        }
    };
    let _ = cancel.run_until_cancelled(asking).await;
    tasks.close();
    tasks.wait().await;
}

async fn question(f: &Federation, lines: &Mutex<BTreeMap<String, Line>>, cluster: &MemberCluster) {
    let member = cluster.name_any();
    let mut line = lines.lock().remove(&member).unwrap_or_default();
    match exchange(f, &mut line, cluster).await {
        Ok(report) => {
            if line.failures > 0 {
                tracing::info!(member, "its gateway answers the hub again");
            }
            line.failures = 0;
            if f.board.take(&member, report) {
                f.queues.clusters.add(Name::cluster(&member));
                f.hub.federated.keys().into_iter().for_each(|name| f.queues.federated.add(name));
            }
        }
        Err(error) => {
            if line.failures == 0 {
                tracing::info!(member, %error, "its gateway does not answer the hub; its status says Unknown soon");
            }
            line.connection = None;
            line.failures += 1;
        }
    }
    lines.lock().insert(member, line);
}

async fn exchange(
    f: &Federation,
    line: &mut Line,
    cluster: &MemberCluster,
) -> Result<spillway_decide::report::Report, AskError> {
    let uri = member_identity(&f.name, &cluster.spec.region, &cluster.name_any());
    let config = match &line.config {
        Some((of, config)) if *of == uri && line.failures == 0 => config.clone(),
        _ => {
            let identity = f.authority.hub().map_err(|error| AskError::Identity(error.to_string()))?;
            config(&identity, &f.authority.bundle, &uri)?
        }
    };
    line.config = Some((uri, config.clone()));
    let door = &cluster.spec.front_door;
    let address = door.addresses.get(line.failures % door.addresses.len().max(1));
    let address = *address.ok_or_else(|| AskError::Identity("the front door has no address".into()))?;
    let (report, connection) =
        ask(line.connection.take(), SocketAddr::new(address, door.spill_port), config).await?;
    line.connection = Some(connection);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Busy;

    #[tokio::test]
    async fn a_question_that_panics_is_over() {
        let all = Arc::default();
        let busy = Busy::begin(&all, "sz").expect("nothing is under way");
        assert!(Busy::begin(&all, "sz").is_none());
        let asked = tokio::spawn(async move {
            let _busy = busy;
            panic!("in a question, for this test");
        });
        assert!(asked.await.is_err());
        assert!(Busy::begin(&all, "sz").is_some());
    }
}
