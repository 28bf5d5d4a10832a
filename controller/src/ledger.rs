//! Keeping the placement map: facts go in, and it is known whether a row's state changed.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use parking_lot::RwLock;
use spillway_placement::{Error, ObjectKey, PlacementMap, Row};

/// Changes a row and its time; tells whether its state changed. A member that left has no rows, which is no error;
/// a map that is full is.
pub(crate) fn record(
    map: &PlacementMap,
    key: &ObjectKey,
    member: &str,
    edit: impl FnOnce(&mut Row),
) -> Result<bool, Error> {
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    let changed = map.upsert(key, member, |row| {
        let (empty, before) = (row.is_empty(), row.state());
        edit(row);
        let changed = empty != row.is_empty() || before != row.state();
        if changed {
            row.since = now;
        }
        changed
    });
    match changed {
        Err(Error::UnknownMember(_)) => Ok(false),
        changed => changed,
    }
}

/// Why an object is not as it should be on a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One word.
    pub(crate) reason: &'static str,
    /// The story.
    pub(crate) message: String,
    /// Since when it fails for this reason.
    pub(crate) since: Timestamp,
}

/// The few rows that fail, with their stories.
#[derive(Debug, Default)]
pub(crate) struct Failures(RwLock<BTreeMap<(ObjectKey, Arc<str>), Failure>>);

impl Failures {
    /// Notes a failure; tells whether it is news.
    pub(crate) fn note(&self, key: &ObjectKey, member: &str, reason: &'static str, message: String) -> bool {
        let mut failures = self.0.write();
        let entry = (key.clone(), Arc::from(member));
        match failures.get_mut(&entry) {
            Some(failure) if failure.reason == reason => {
                let news = failure.message != message;
                failure.message = message;
                news
            }
            _ => {
                failures.insert(entry, Failure { reason, message, since: Timestamp::now() });
                true
            }
        }
    }

    /// Forgets a failure; tells whether there was one.
    pub(crate) fn clear(&self, key: &ObjectKey, member: &str) -> bool {
        self.0.write().remove(&(key.clone(), Arc::from(member))).is_some()
    }

    /// Why this object fails on this member.
    pub(crate) fn get(&self, key: &ObjectKey, member: &str) -> Option<Failure> {
        self.0.read().get(&(key.clone(), Arc::from(member))).cloned()
    }

    /// Forgets everything about a member that left.
    pub(crate) fn forget_member(&self, member: &str) {
        self.0.write().retain(|(_, of), _| &**of != member);
    }
}
