//! Members come, change their connection, and go; and their status is written.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use spillway_crds::MemberCluster;
use spillway_placement::MemberId;
use tokio_util::sync::CancellationToken;

use super::{
    connection::{ConnectionError, Route, route},
    session, status,
};
use crate::{
    federation::Federation,
    hub::Name,
    member::{Member, Reach},
    object::{Kind, identity_key},
    queue::Outcome,
};

/// Rows that are forgotten in one step when a member leaves.
const FORGET: usize = 256;
/// How often a member that the placement map has no room for knocks again.
const KNOCK: Duration = Duration::from_secs(30);

/// One round for the `MemberCluster` `name`.
pub(crate) async fn cluster(f: &Arc<Federation>, name: &Name) -> Outcome {
    if !f.hub.synced() {
        return Outcome::Again(Duration::from_millis(100));
    }
    let Some(cluster) = f.hub.clusters.get(name) else {
        return leave(f, &name.name).await;
    };
    let room = f.placement.join(&name.name).map_err(ConnectionError::from);
    let id = room.as_ref().ok().copied();
    let connection = room.and_then(|_| route(&f.hub, &f.namespace, &cluster));
    let made_of = format!("{} {id:?} {connection:?}", cluster.spec.region);
    if f.members.connection(&name.name).as_deref() != Some(&made_of) {
        f.members.leave(&name.name);
        join(f, &cluster, id, connection, made_of);
    }
    if f.members.get(&name.name).is_some_and(|member| member.is_settling()) {
        return Outcome::Again(Duration::from_millis(500));
    }
    match status::write(f, &cluster).await {
        Ok(()) if id.is_none() => Outcome::Again(KNOCK),
        Ok(()) => Outcome::Done,
        Err(error) if error.is_not_found() => Outcome::Done,
        Err(error) => {
            tracing::warn!(member = name.name, %error, "could not write the status of a MemberCluster");
            Outcome::Failed
        }
    }
}

fn join(
    f: &Arc<Federation>,
    cluster: &MemberCluster,
    id: Option<MemberId>,
    connection: Result<Route, ConnectionError>,
    made_of: String,
) {
    let (name, in_place) = (cluster.name_any(), cluster.spec.connection.in_place.is_some());
    let member = Arc::new(Member::new(&name, &cluster.spec.region, in_place, id));
    let cancel = CancellationToken::new();
    f.members.join(member.clone(), made_of, cancel.clone());
    member.queue.add(identity_key(&f.namespace));
    match connection {
        Ok(route) => {
            tracing::info!(member = name, region = member.region, in_place, "joins");
            f.members.tasks.spawn(session::run(f.clone(), member, route, cancel));
        }
        Err(error) => {
            tracing::warn!(member = name, %error, "cannot be connected");
            member.update_health(|health| health.reach = Reach::Invalid(error.reason(), error.to_string()));
        }
    }
}

/// A member that leaves keeps its copies: nobody said that they should go.
async fn leave(f: &Federation, name: &str) -> Outcome {
    f.members.leave(name);
    while f.placement.leave(name, FORGET).is_ok_and(|left| left > 0) {
        tokio::task::yield_now().await;
    }
    f.failures.forget_member(name);
    f.metrics.forget_member(name);
    f.members.ask_all(&Kind::GatewayPeer.key("", name));
    tracing::info!(member = name, "left");
    Outcome::Done
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{KNOCK, Outcome, cluster};
    use crate::{
        fixture::{Asked, client, cluster as declared, done, federation, listed},
        hub::Name,
        member::Reach,
    };

    fn ready(asked: &Asked) -> Option<Value> {
        let asked = asked.lock();
        let (.., status) = asked.iter().rev().find(|(_, path, _)| path.ends_with("/sz/status"))?;
        let conditions = status["status"]["conditions"].as_array()?;
        conditions.iter().find(|condition| condition["type"] == "Ready").cloned()
    }

    #[tokio::test]
    async fn one_member_too_many_is_told_and_joins_when_there_is_room() {
        let (client, asked) = client(done);
        let f = federation(&client);
        listed(&f.hub.clusters, [declared("sz", "shenzhen")]);
        let mut others = 0;
        while f.placement.join(&format!("m{others}")).is_ok() {
            others += 1;
        }
        assert_eq!(cluster(&f, &Name::cluster("sz")).await, Outcome::Again(KNOCK));
        let told = ready(&asked).expect("a condition");
        assert_eq!((&told["status"], &told["reason"]), (&json!("False"), &json!("TooManyMembers")));
        assert!(told["message"].as_str().is_some_and(|text| text.contains("1024")), "{told}");

        assert_eq!(f.placement.leave("m0", 1), Ok(0));
        let _ = cluster(&f, &Name::cluster("sz")).await;
        assert!(f.placement.member("sz").is_ok());
        let member = f.members.get("sz").expect("a member");
        assert_eq!(member.id, f.placement.member("sz").ok());
        assert!(!matches!(member.health().reach, Reach::Invalid(..)), "{:?}", member.health());
    }
}
