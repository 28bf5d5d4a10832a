//! One object on one member: what is wanted now, what is seen now, and the change between them.

use std::time::Duration;

use kube::{Api, Client, ResourceExt, api::DynamicObject};
use serde_json::json;
use spillway_crds::names::{annotations::CONTENT, labels};
use spillway_decide::plan::{Change, Reason, Synced, change};
use spillway_placement::{Error, Fingerprint, ObjectKey, Row};

use crate::{
    apply::WriteError,
    copy::{self, Copy},
    federation::Federation,
    hub::Name,
    ledger::{Rows, reason},
    member::Member,
    object::{Kind, copy_name},
    queue::Outcome,
    reconcile::{Wanted, front_door, want},
};

/// An identity is looked at again without being asked: it ages.
const IDENTITY_ROUND: Duration = Duration::from_hours(1);
/// People delete the foreign object, and no watch of ours sees it.
const CONFLICT_ROUND: Duration = Duration::from_secs(10);

/// One object on its way to one member.
struct Task<'a> {
    f: &'a Federation,
    member: &'a Member,
    client: &'a Client,
    key: &'a ObjectKey,
    kind: Kind,
}

/// Looks at one key and does what the plan says.
pub(crate) async fn place(f: &Federation, member: &Member, client: &Client, key: &ObjectKey) -> Outcome {
    let Some(kind) = Kind::of(key).filter(|kind| kind.is_copied_to(member.in_place)) else {
        return Outcome::Done;
    };
    let task = Task { f, member, client, key, kind };
    let wanted = want(f, member, key);
    let outcome = match task.plan(&wanted) {
        Ok(change) => task.perform(change, wanted.copy.as_ref()).await,
        Err(error) => task.unnoted(&error),
    };
    if outcome == Outcome::Done && wanted.copy.is_some() {
        task.show_front_door().await;
    }
    outcome
}

impl Task<'_> {
    /// The plan, and what of ours is seen.
    fn decide(&self, wanted: &Wanted) -> (Change, Option<Fingerprint>) {
        let cache = self.member.cache(self.kind);
        let seen = cache.get(self.key).map(|object| copy::seen(&object, wanted.copy.as_ref()));
        let synced = Synced { hub: self.f.hub.synced(), member: cache.synced() };
        let change = change(&self.f.hub_uid, wanted.want, seen.as_ref(), synced);
        let ours = seen.filter(|seen| seen.owner.as_ref().is_some_and(|owner| owner.hub == self.f.hub_uid));
        (change, ours.map(|seen| Fingerprint::new(seen.fingerprint)))
    }

    /// The plan, and both sides of it noted. What cannot be noted is not done: nobody would know of it.
    fn plan(&self, wanted: &Wanted) -> Result<Change, Error> {
        let (change, observed) = self.decide(wanted);
        if change != Change::Leave(Reason::Undecided) {
            self.note(|row| {
                row.desired = wanted.copy.as_ref().map(|copy| copy.fingerprint);
                row.observed = observed;
                if row.observed.is_none() && row.desired.is_none() {
                    row.applied = None;
                }
            })?;
        }
        tracing::debug!(member = self.member.name, key = %self.key, ?change, "planned");
        Ok(change)
    }

    async fn perform(&self, change: Change, copy: Option<&Copy>) -> Outcome {
        if change.is_inferred_delete() {
            self.member.sweeps.ask(self.key.clone());
            return Outcome::Done;
        }
        let done = match (change, copy) {
            (Change::Create, Some(copy)) => self.create(copy).await,
            (Change::Update { uid }, Some(copy)) => self.update(&uid, copy).await,
            (Change::Delete { uid, .. }, _) => self.delete(&uid).await.map_err(Trouble::Write),
            (Change::Release { uid }, _) => self.release(&uid).await,
            (Change::Conflict { message }, _) => return self.conflict(message),
            (Change::Leave(Reason::NotSynced), _) => return Outcome::Done, // the end of the list asks again
            (Change::Create | Change::Update { .. } | Change::Leave(_), _) => Ok(()),
        };
        match done {
            Ok(()) => self.succeed(copy),
            Err(Trouble::Conflict(message)) => self.conflict(message),
            Err(Trouble::Write(error)) => self.fail(error.reason(), error.to_string()),
            Err(Trouble::Stubborn) => self.fail(
                "Changed",
                "something on the member (an admission webhook, or another version of the definition) changes \
                 the object while it is written"
                    .into(),
            ),
        }
    }

    /// Nothing of ours is known to be there; whether something foreign is must be asked, for it is not watched.
    async fn create(&self, copy: &Copy) -> Result<(), Trouble> {
        let name = copy_name(self.kind, self.key.name(), self.member.in_place);
        if let Some(there) = self.f.writer.timed(self.api().get_opt(&name)).await? {
            let ours = copy::owner(there.labels()).is_some_and(|owner| owner.hub == self.f.hub_uid);
            if !ours {
                let seen = copy::seen(&there, None);
                let wants = spillway_decide::plan::Want::Present { fingerprint: copy.fingerprint.bits() };
                let synced = Synced { hub: true, member: true };
                let Change::Conflict { message } = change(&self.f.hub_uid, wants, Some(&seen), synced) else {
                    return Ok(());
                };
                return Err(Trouble::Conflict(message));
            }
            return self.update(&there.uid().unwrap_or_default(), copy).await;
        }
        let object = self.object(copy, None);
        let mut applied = self.f.writer.apply(&self.api(), &object).await;
        let no_namespace = applied.as_ref().is_err_and(WriteError::is_not_found) && self.kind.is_namespaced();
        if no_namespace {
            self.f.writer.namespace(self.client, self.key.namespace()).await?;
            applied = self.f.writer.apply(&self.api(), &object).await;
        }
        applied?;
        tracing::info!(member = self.member.name, key = %self.key, "created");
        Ok(())
    }

    async fn update(&self, uid: &str, copy: &Copy) -> Result<(), Trouble> {
        let (api, object) = (self.api(), self.object(copy, Some(uid)));
        let mut there = self.f.writer.apply_over(&api, &object).await?;
        if let Some(patch) = copy::strays(&there, copy) {
            there = self.f.writer.merge(&api, &there.name_any(), &patch).await?;
        }
        tracing::info!(member = self.member.name, key = %self.key, "updated");
        let same = copy::seen(&there, Some(copy)).fingerprint == copy.fingerprint.bits();
        if same { Ok(()) } else { Err(Trouble::Stubborn) }
    }

    async fn delete(&self, uid: &str) -> Result<(), WriteError> {
        let name = copy_name(self.kind, self.key.name(), self.member.in_place);
        self.f.writer.delete(&self.api(), &name, uid).await?;
        tracing::info!(member = self.member.name, key = %self.key, "deleted");
        Ok(())
    }

    async fn release(&self, uid: &str) -> Result<(), Trouble> {
        let name = copy_name(self.kind, self.key.name(), self.member.in_place);
        let patch = json!({"metadata": {
            "uid": uid,
            "labels": {labels::MANAGED_BY: null, labels::HUB_UID: null, labels::SOURCE_UID: null},
            "annotations": {CONTENT: null},
        }});
        self.f.writer.merge(&self.api(), &name, &patch).await?;
        tracing::info!(member = self.member.name, key = %self.key, "released");
        Ok(())
    }

    /// The copy itself counts, not what it shows: that this cannot be written is no failure of the copy's.
    async fn show_front_door(&self) {
        let Some((seen, status)) = front_door::lacking(self.f, self.member, self.key) else { return };
        let ours = copy::owner(seen.labels()).is_some_and(|owner| owner.hub == self.f.hub_uid);
        let uid = seen.uid().filter(|_| ours);
        let Some(uid) = uid else { return };
        let (name, resource) = (seen.name_any(), self.kind.resource());
        let written = self.f.writer.status_over(&self.api(), &name, &uid, &resource, &status).await;
        if let Err(error) = written {
            tracing::warn!(member = self.member.name, key = %self.key, %error, "its address could not be written");
        }
    }

    fn succeed(&self, copy: Option<&Copy>) -> Outcome {
        let noted = self.note(|row| {
            row.tries = 0;
            row.applied =
                copy.map(|copy| copy.fingerprint).or(row.applied.filter(|_| row.observed.is_some()));
        });
        if let Err(error) = noted {
            return self.unnoted(&error);
        }
        if self.f.failures.clear(self.key, &self.member.name) {
            self.tell();
        }
        if self.kind == Kind::Identity { Outcome::Again(IDENTITY_ROUND) } else { Outcome::Done }
    }

    fn conflict(&self, message: String) -> Outcome {
        let _ = self.fail("Conflict", message);
        Outcome::Again(CONFLICT_ROUND)
    }

    /// A row could not be written.
    fn unnoted(&self, error: &Error) -> Outcome {
        self.fail(reason(error), error.to_string())
    }

    fn fail(&self, reason: &'static str, message: String) -> Outcome {
        tracing::warn!(member = self.member.name, key = %self.key, reason, message, "not placed");
        self.f.metrics.failed_writes.get_or_create(&crate::metrics::Of::member(&self.member.name)).inc();
        // A row that does not fit counts no tries; the failure itself is kept beside the map.
        let _ = self.note(|row| row.tries = row.tries.saturating_add(1));
        if self.f.failures.note(self.key, &self.member.name, reason, message) {
            self.tell();
        }
        Outcome::Failed
    }

    fn note(&self, edit: impl Fn(&mut Row)) -> Result<(), Error> {
        if Rows::of(&self.f.placement, self.key).record(self.member, edit)? {
            self.tell();
        }
        Ok(())
    }

    /// Wakes the one who writes the status; soon, so that several members make one status.
    fn tell(&self) {
        if self.kind == Kind::Ingress {
            self.f.queues.federated.add_after(Name::of_key(self.key), Duration::from_millis(50));
        }
    }

    fn api(&self) -> Api<DynamicObject> {
        self.kind.api(self.client.clone(), self.key.namespace())
    }

    fn object(&self, copy: &Copy, uid: Option<&str>) -> serde_json::Value {
        let resource = self.kind.resource();
        let name = copy_name(self.kind, self.key.name(), self.member.in_place);
        copy.object(&resource.api_version, &resource.kind, self.key.namespace(), &name, uid)
    }
}

/// Deletes an object that the guard let pass, if the plan still says so.
pub(crate) async fn delete_inferred(
    f: &Federation,
    member: &Member,
    client: &Client,
    key: &ObjectKey,
) -> Outcome {
    let Some(kind) = Kind::of(key) else { return Outcome::Done };
    let task = Task { f, member, client, key, kind };
    let (uid, why) = match task.plan(&want(f, member, key)) {
        Ok(Change::Delete { uid, why }) => (uid, why),
        Ok(_) => return Outcome::Done,
        Err(error) => return task.unnoted(&error),
    };
    tracing::info!(member = member.name, %key, ?why, "deleting what the hub no longer wants here");
    match task.delete(&uid).await {
        Ok(()) => task.succeed(None),
        Err(error) => task.fail(error.reason(), error.to_string()),
    }
}

/// Whether the plan still wants an inferred delete of this key. It notes nothing, so that nothing can go wrong.
pub(crate) fn still_unwanted(f: &Federation, member: &Member, client: &Client, key: &ObjectKey) -> bool {
    Kind::of(key).is_some_and(|kind| {
        let (change, _) = Task { f, member, client, key, kind }.decide(&want(f, member, key));
        change.is_inferred_delete()
    })
}

/// Why a change did not work.
enum Trouble {
    Conflict(String),
    Write(WriteError),
    Stubborn,
}

impl From<WriteError> for Trouble {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::{Client, runtime::watcher::Event};
    use serde_json::json;

    use super::{
        Error, Fingerprint, Kind, Member, ObjectKey, Outcome, Task, delete_inferred, place, still_unwanted,
    };
    use crate::{
        federation::Federation,
        fixture::{Asked, HUB, client, cluster, done, federation, listed},
    };

    /// A federation with the member `sz`.
    fn met() -> (Arc<Federation>, Member, Client, Asked) {
        let (client, asked) = client(done);
        let f = federation(&client);
        listed(&f.hub.clusters, [cluster("sz", "shenzhen")]);
        let member = Member::new("sz", "shenzhen", false, f.placement.join("sz").ok());
        (f, member, client, asked)
    }

    /// A copy of ours there that nobody wants.
    fn orphan(member: &Member) -> ObjectKey {
        let key = Kind::Ingress.key("ns", "web");
        let labels = json!({"kube-federation.io/hub-uid": HUB, "kube-federation.io/source-uid": "s"});
        let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                            "metadata": {"name": "web", "namespace": "ns", "uid": "u", "labels": labels}});
        let cache = member.cache(Kind::Ingress);
        for event in [Event::Init, Event::InitApply(serde_json::from_value(object).unwrap()), Event::InitDone]
        {
            cache.take(event, |_| key.clone());
        }
        key
    }

    #[tokio::test]
    async fn what_was_not_written_is_not_applied() {
        let (f, member, client, asked) = met();
        let key = Kind::GatewayPeer.key("", "sz");
        assert_eq!(place(&f, &member, &client, &key).await, Outcome::Done);
        let row = f.placement.get(&key, "sz").unwrap().expect("a row");
        assert!(
            row.desired.is_some() && row.applied.is_none() && asked.lock().is_empty(),
            "{row:?} {asked:?}"
        );
    }

    #[tokio::test]
    async fn a_copy_shows_its_front_door_once() {
        let (f, member, client, asked) = met();
        let key = orphan(&member);
        listed(&f.hub.federated, [crate::fixture::federated("web")]);
        let task = Task { f: &f, member: &member, client: &client, key: &key, kind: Kind::Ingress };
        task.show_front_door().await;
        let (method, path, body) = asked.lock().pop().expect("a write");
        assert_eq!((method.as_str(), path.ends_with("/ns/ingresses/web/status")), ("PATCH", true), "{path}");
        assert_eq!(body["metadata"]["uid"], "u");
        assert_eq!(body["status"], json!({"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}));

        let shown = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                           "metadata": {"name": "web", "namespace": "ns"}, "status": body["status"]});
        let shown = serde_json::from_value(shown).expect("an Ingress");
        member.cache(Kind::Ingress).take(Event::Apply(shown), |_| key.clone());
        task.show_front_door().await;
        assert!(asked.lock().is_empty(), "{asked:?}");
    }

    #[tokio::test]
    async fn a_member_that_leaves_meanwhile_is_no_failure() {
        let (f, member, client, _) = met();
        let key = Kind::GatewayPeer.key("", "sz");
        assert_eq!(place(&f, &member, &client, &key).await, Outcome::Done);
        f.placement.join("cd").expect("room");
        f.placement.upsert(&key, "cd", |row| row.applied = Some(Fingerprint::new(1))).expect("a row");
        while f.placement.leave("sz", 1).expect("a member") > 0 {}
        assert_eq!(place(&f, &member, &client, &key).await, Outcome::Done);
        assert_eq!(f.failures.get(&key, "sz"), None);
    }

    #[tokio::test]
    async fn people_read_why_a_row_could_not_be_written() {
        let (f, member, client, _) = met();
        let key = Kind::Ingress.key("ns", "web");
        let task = Task { f: &f, member: &member, client: &client, key: &key, kind: Kind::Ingress };
        for (error, reason) in
            [(Error::TooManyObjects, "TooManyObjects"), (Error::UnknownMember("sz".into()), "NotRecorded")]
        {
            assert_eq!(task.unnoted(&error), Outcome::Failed);
            let failure = f.failures.get(&key, "sz").expect("a failure");
            assert_eq!((failure.reason, failure.message), (reason, error.to_string()));
        }
    }

    #[tokio::test]
    async fn an_orphan_is_asked_about_without_a_note_and_deleted_with_one() {
        let (f, member, client, asked) = met();
        let key = orphan(&member);
        assert!(still_unwanted(&f, &member, &client, &key));
        assert_eq!(f.placement.find(&key), None);
        assert_eq!(delete_inferred(&f, &member, &client, &key).await, Outcome::Done);
        assert!(f.placement.get(&key, "sz").unwrap().is_some_and(|row| row.observed.is_some()));
        assert_eq!(asked.lock()[0].0, "DELETE", "{asked:?}");
    }
}
