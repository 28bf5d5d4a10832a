//! What a watch has seen of one kind: the newest of every object, and whether the list was ever complete.
//!
//! A cache tells which keys an event touched. After a full list those are also the keys that were there before
//! and are there no more, so that a delete that nobody watched is not missed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kube::runtime::{utils::Backoff, watcher::Event};
use parking_lot::RwLock;

/// Objects by key.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    state: RwLock<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    objects: BTreeMap<K, Arc<V>>,
    /// The list that is under way.
    listing: BTreeMap<K, Arc<V>>,
    synced: bool,
    listed: bool,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        let state =
            State { objects: BTreeMap::new(), listing: BTreeMap::new(), synced: false, listed: false };
        Self { state: RwLock::new(state) }
    }
}

impl<K: Ord + Clone, V> Cache<K, V> {
    /// Takes an event of the watch; returns the keys that it touched.
    pub(crate) fn take(&self, event: Event<V>, key: impl Fn(&V) -> K) -> Vec<K> {
        let mut state = self.state.write();
        match event {
            Event::Apply(object) => {
                let key = key(&object);
                state.objects.insert(key.clone(), Arc::new(object));
                vec![key]
            }
            Event::Delete(object) => {
                let key = key(&object);
                state.objects.remove(&key);
                vec![key]
            }
            Event::Init => {
                state.listing.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                state.listing.insert(key(&object), Arc::new(object));
                Vec::new()
            }
            Event::InitDone => {
                let before = std::mem::take(&mut state.objects);
                state.objects = std::mem::take(&mut state.listing);
                (state.synced, state.listed) = (true, true);
                let touched: BTreeSet<_> = before.into_keys().chain(state.objects.keys().cloned()).collect();
                touched.into_iter().collect()
            }
        }
    }

    /// Whether a list was seen to its end.
    pub(crate) fn synced(&self) -> bool {
        self.state.read().synced
    }

    /// Whether a list was ever seen to its end, be its watch there or not.
    pub(crate) fn was_listed(&self) -> bool {
        self.state.read().listed
    }

    /// Forgets that a list was seen: its watch is gone. What is known stays.
    pub(crate) fn unsync(&self) {
        self.state.write().synced = false;
    }

    /// One object.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.state.read().objects.get(key).cloned()
    }

    /// The keys.
    pub(crate) fn keys(&self) -> Vec<K> {
        self.state.read().objects.keys().cloned().collect()
    }

    /// The objects.
    pub(crate) fn values(&self) -> Vec<Arc<V>> {
        self.state.read().objects.values().cloned().collect()
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.state.read().objects.len()
    }
}

/// A watch that breaks comes back after a second, however often: a cluster that returns shall be seen at once.
pub(crate) struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;

    use super::Cache;

    #[test]
    fn a_list_tells_what_is_gone() {
        let cache: Cache<u8, u8> = Cache::default();
        let take = |event| cache.take(event, |v| *v);
        assert!(!cache.synced());
        assert_eq!(take(Event::Apply(1)), [1]);
        for event in [Event::Init, Event::InitApply(9), Event::Init, Event::InitApply(2)] {
            assert!(take(event).is_empty());
        }
        assert_eq!(cache.keys(), [1], "a list that is under way changes nothing");
        assert_eq!(take(Event::InitDone), [1, 2]);
        assert_eq!((cache.keys(), cache.synced()), (vec![2], true));
        assert_eq!(take(Event::Delete(2)), [2]);
        assert_eq!(cache.len(), 0);
    }
}
