//! The life of a member: asked every two seconds whether it answers; watched and worked on while it does.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use spillway_placement::ObjectKey;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    connection::{Route, client},
    observe::observe,
    place::place,
    status,
    sweep::sweep,
};
use crate::{
    federation::Federation,
    hub::Name,
    member::{Member, Reach},
    metrics::Loop,
    object::Kind,
    timed::round,
};

const CHECK: Duration = Duration::from_secs(2);
/// So many checks in a row must fail: one late answer is no outage.
const FAILURES: u32 = 2;
/// Objects that are written to a member at a time.
const WORKERS: usize = 8;

/// Runs a member until cancelled.
pub(crate) async fn run(f: Arc<Federation>, member: Arc<Member>, route: Route, cancel: CancellationToken) {
    let life = async {
        loop {
            // A new connection for each session: whatever hung in the old one is dropped with it.
            match client(&f.client, &route).await {
                Ok(client) => session(&f, &member, &client).await,
                Err(error) => tell(&f, &member, Reach::Invalid(error.reason(), error.to_string()), None),
            }
            sleep(CHECK).await;
        }
    };
    let _ = cancel.run_until_cancelled(life).await;
}

/// From the first answer to the last.
async fn session(f: &Arc<Federation>, member: &Arc<Member>, client: &Client) {
    match ask(client).await {
        Ok(version) => tell(f, member, Reach::Answers, Some(version)),
        Err(why) => return tell(f, member, Reach::Silent(why), None),
    }
    let cancel = CancellationToken::new();
    let work =
        async |key: ObjectKey| round(&f.metrics, &Loop::PLACE, &key, place(f, member, client, &key)).await;
    let why = tokio::select! {
        why = until_silent(f, member, client) => why,
        () = observe(f, member, client) => "its watches ended".to_owned(),
        () = member.queue.run(WORKERS, &cancel, work) => String::new(),
        () = sweep(f, member, client) => String::new(),
    };
    for kind in Kind::ALL {
        member.cache(kind).unsync();
    }
    tell(f, member, Reach::Silent(why), None);
}

async fn until_silent(f: &Arc<Federation>, member: &Member, client: &Client) -> String {
    let mut failures = 0;
    let mut next = Instant::now();
    loop {
        next += CHECK;
        sleep_until(next).await;
        match ask(client).await {
            Ok(version) => {
                failures = 0;
                tell(f, member, Reach::Answers, Some(version));
            }
            Err(why) => {
                failures += 1;
                if failures == FAILURES {
                    return why;
                }
            }
        }
    }
}

async fn ask(client: &Client) -> Result<String, String> {
    match timeout(CHECK, client.apiserver_version()).await {
        Ok(Ok(version)) => Ok(version.git_version),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", CHECK.as_secs())),
    }
}

/// Whether the status shows an old time for a member that answers.
fn is_stale(f: &Federation, member: &Member) -> bool {
    let Some(cluster) = f.hub.clusters.get(&Name::cluster(&member.name)) else { return false };
    let health = member.health();
    let seen = health.last_seen.filter(|_| health.reach == Reach::Answers);
    seen.is_some_and(|seen| status::is_stale(cluster.status.as_ref(), seen))
}

/// Notes what was learned, and wakes those whom a change concerns.
fn tell(f: &Federation, member: &Member, reach: Reach, version: Option<String>) {
    let turned = std::mem::discriminant(&member.health().reach) != std::mem::discriminant(&reach);
    if turned {
        tracing::info!(member = member.name, reach = ?reach, "the member's API server");
    }
    let changed = member.update_health(|health| {
        if reach == Reach::Answers {
            health.last_seen = Some(Timestamp::now());
            health.version = version;
        }
        // A new excuse for the same silence is no news.
        if turned || matches!(reach, Reach::Invalid(..)) {
            health.reach = reach;
        }
    });
    if changed || is_stale(f, member) {
        f.queues.clusters.add(Name::cluster(&member.name));
    }
    if turned {
        f.hub.federated.keys().into_iter().for_each(|name| f.queues.federated.add(name));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::{Member, Reach, tell};
    use crate::fixture::{client, cluster, done, federation, listed};

    #[tokio::test]
    async fn an_answer_is_shown_before_the_last_one_is_old() {
        for (age, asks) in [(2, 0), (9, 1)] {
            let (client, _) = client(done);
            let (f, member) = (federation(&client), Member::new("sz", "shenzhen", false, None));
            let mut sz = cluster("sz", "shenzhen");
            sz["status"] = json!({"lastSeen": (Timestamp::now() - Duration::from_secs(age)).to_string()});
            listed(&f.hub.clusters, [sz]);
            member.update_health(|health| {
                (health.reach, health.version) = (Reach::Answers, Some("v1".into()));
            });
            tell(&f, &member, Reach::Answers, Some("v1".into()));
            assert_eq!(f.queues.clusters.len(), asks, "last shown {age} s ago");
        }
    }
}
