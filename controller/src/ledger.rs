//! Keeping the placement map: facts go in, and it is known whether a row's state changed.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use parking_lot::RwLock;
use spillway_placement::{Error, ObjectId, ObjectKey, PlacementMap, Row};

use crate::member::Member;

/// One object's rows. The object is looked up by name once, for all of them.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    map: &'a PlacementMap,
    /// The object.
    pub(crate) key: &'a ObjectKey,
    id: Option<ObjectId>,
}

impl<'a> Rows<'a> {
    /// The rows of `key`.
    pub(crate) fn of(map: &'a PlacementMap, key: &'a ObjectKey) -> Self {
        Self { map, key, id: map.find(key) }
    }

    /// The row on a member, if there is one.
    pub(crate) fn get(&self, member: &Member) -> Option<Row> {
        match self.map.row(self.id?, member.id?) {
            // It lost its last row meanwhile, and may be back under another id.
            Err(Error::StaleObject(_)) => self.map.get(self.key, &member.name).ok().flatten(),
            row => row.ok().flatten(),
        }
    }

    /// Changes a row and its time; tells whether its state changed. A member that left has no rows, which is no
    /// error; a map that is full is.
    pub(crate) fn record(&mut self, member: &Member, edit: impl Fn(&mut Row)) -> Result<bool, Error> {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let change = |row: &mut Row| {
            let (empty, before) = (row.is_empty(), row.state());
            edit(row);
            let changed = empty != row.is_empty() || before != row.state();
            if changed {
                row.since = now;
            }
            changed
        };
        let by_id = self.id.zip(member.id).map(|(id, member)| self.map.edit(id, member, change));
        let changed = match by_id {
            None | Some(Err(Error::StaleObject(_))) => self.begin(member, change),
            Some(changed) => changed,
        };
        match changed {
            Err(Error::UnknownMember(_) | Error::StaleMember(_)) => Ok(false),
            changed => changed,
        }
    }

    /// An object begins to be with its first row: that one is written by name.
    fn begin(&mut self, member: &Member, change: impl Fn(&mut Row) -> bool) -> Result<bool, Error> {
        let changed = self.map.upsert(self.key, &member.name, change);
        self.id = self.map.find(self.key);
        changed
    }
}

/// Why a row could not be written, in one word.
pub(crate) fn reason(error: &Error) -> &'static str {
    match error {
        Error::TooManyObjects => "TooManyObjects",
        _ => "NotRecorded",
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

#[cfg(test)]
mod tests {
    use spillway_placement::{Error, Fingerprint, ObjectKey, PlacementMap, Row};

    use super::{Rows, reason};
    use crate::member::Member;

    fn member(map: &PlacementMap, name: &str) -> Member {
        Member::new(name, "shenzhen", false, map.join(name).ok())
    }

    fn wanted(row: &mut Row) {
        row.desired = Some(Fingerprint::new(1));
    }

    fn web() -> ObjectKey {
        ObjectKey::new("Ingress", "ns", "web")
    }

    #[test]
    fn rows_are_told_when_their_state_changes() {
        let (map, key) = (PlacementMap::default(), web());
        let (sz, cd) = (member(&map, "sz"), member(&map, "cd"));
        let mut rows = Rows::of(&map, &key);
        assert_eq!(rows.get(&sz), None);
        for (member, changed) in [(&sz, true), (&sz, false), (&cd, true), (&cd, false)] {
            assert_eq!(rows.record(member, wanted), Ok(changed), "{member:?}");
            let row = rows.get(member).expect("a row");
            assert!(row.desired.is_some() && row.since > 0, "{row:?}");
        }
        assert_eq!(map.get(&key, "cd"), Ok(rows.get(&cd)));
    }

    #[test]
    fn a_member_that_left_has_no_rows_and_that_is_no_error() {
        let (map, key) = (PlacementMap::default(), web());
        let (sz, cd) = (member(&map, "sz"), member(&map, "cd"));
        let mut rows = Rows::of(&map, &key);
        rows.record(&cd, wanted).expect("a row");
        while map.leave("sz", 1).expect("a member") > 0 {}
        assert_eq!(rows.record(&sz, wanted), Ok(false), "by id");
        assert_eq!(rows.get(&sz), None);
        let other = ObjectKey::new("Ingress", "ns", "other");
        assert_eq!(Rows::of(&map, &other).record(&sz, wanted), Ok(false), "by name");
        assert_eq!(map.find(&other), None);
        assert_eq!(Rows::of(&map, &other).record(&Member::new("gz", "", false, None), wanted), Ok(false));
    }

    #[test]
    fn what_a_member_was_before_it_left_does_not_write_for_what_it_is_now() {
        let (map, key) = (PlacementMap::default(), web());
        let (before, cd) = (member(&map, "sz"), member(&map, "cd"));
        let mut rows = Rows::of(&map, &key);
        rows.record(&cd, wanted).expect("a row");
        while map.leave("sz", 1).expect("a member") > 0 {}
        let now = member(&map, "sz");
        assert_eq!(rows.record(&before, wanted), Ok(false));
        assert_eq!(rows.get(&now), None);
    }

    #[test]
    fn an_object_that_ceased_and_came_back_is_found_again() {
        let (map, key) = (PlacementMap::default(), web());
        let sz = member(&map, "sz");
        let mut rows = Rows::of(&map, &key);
        rows.record(&sz, wanted).expect("a row");
        let mut stale = Rows::of(&map, &key);
        rows.record(&sz, |row| row.desired = None).expect("no row");
        assert_eq!((map.find(&key), stale.get(&sz)), (None, None));
        rows.record(&sz, wanted).expect("a row");
        assert!(stale.get(&sz).is_some());
        assert_eq!(stale.record(&sz, |row| row.desired = None), Ok(true));
        assert_eq!(map.find(&key), None);
    }

    #[test]
    fn only_a_full_map_is_told_as_full() {
        let errors = [Error::TooManyObjects, Error::UnknownMember("sz".into())];
        assert_eq!(errors.each_ref().map(reason), ["TooManyObjects", "NotRecorded"]);
    }
}
