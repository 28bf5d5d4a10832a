//! A work queue of keys: each key waits once, is worked on by one worker at a time, and comes back with a
//! growing delay when it fails.
//!
//! Every member has its own, so that a member that hangs fills nobody's queue but its own.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    time::Duration,
};

use futures::future::join_all;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// What became of the work on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is as it should be, until something changes.
    Done,
    /// Look again after a while; this is no failure.
    Again(Duration),
    /// Try again, later each time.
    Failed,
}

/// The queue. Shared by reference.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    state: Mutex<State<K>>,
    wake: Notify,
}

#[derive(Debug)]
struct State<K> {
    ready: VecDeque<K>,
    /// Keys that wait, in `ready` or behind themselves in `running`.
    dirty: BTreeSet<K>,
    running: BTreeSet<K>,
    later: BTreeMap<K, Instant>,
    due: BTreeSet<(Instant, K)>,
    failures: BTreeMap<K, u32>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: BTreeSet::new(),
            running: BTreeSet::new(),
            later: BTreeMap::new(),
            due: BTreeSet::new(),
            failures: BTreeMap::new(),
        };
        Self { state: Mutex::new(state), wake: Notify::new() }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Asks for work on a key. Asking twice before it begins is asking once.
    pub(crate) fn add(&self, key: K) {
        self.state.lock().add(key);
        self.wake.notify_one();
    }

    /// Asks for work on a key after a while, or sooner if it was asked for sooner.
    pub(crate) fn add_after(&self, key: K, delay: Duration) {
        self.state.lock().add_at(key, Instant::now() + delay);
        self.wake.notify_one();
    }

    /// How many keys wait to be worked on now; those whose time has not come do not count.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.dirty.len()
    }

    /// Works on keys with `workers` at a time until cancelled. What is under way then is dropped where it
    /// stands, and its key waits again: the next run takes it up.
    pub(crate) async fn run<F>(&self, workers: usize, cancel: &CancellationToken, work: impl Fn(K) -> F)
    where
        F: Future<Output = Outcome>,
    {
        let worker = || async {
            loop {
                let claim = Claim { queue: self, key: Some(self.next().await) };
                let Some(key) = claim.key.clone() else { return };
                let outcome = work(key).await;
                claim.end(outcome);
            }
        };
        let _ = cancel.run_until_cancelled(join_all((0..workers).map(|_| worker()))).await;
    }

    async fn next(&self) -> K {
        loop {
            let due = {
                let mut state = self.state.lock();
                state.take_due(Instant::now());
                if let Some(key) = state.ready.pop_front() {
                    state.dirty.remove(&key);
                    state.running.insert(key.clone());
                    if !state.ready.is_empty() {
                        self.wake.notify_one();
                    }
                    return key;
                }
                state.due.first().map(|(at, _)| *at)
            };
            match due {
                Some(at) => tokio::select! {
                    () = self.wake.notified() => {},
                    () = tokio::time::sleep_until(at) => {},
                },
                None => self.wake.notified().await,
            }
        }
    }

    fn end(&self, key: K, outcome: Outcome) {
        let mut state = self.state.lock();
        state.running.remove(&key);
        if state.dirty.contains(&key) {
            state.ready.push_back(key.clone());
        }
        let delay = match outcome {
            Outcome::Done => None,
            Outcome::Again(delay) => Some(delay),
            Outcome::Failed => Some(state.fail(&key)),
        };
        if outcome != Outcome::Failed {
            state.failures.remove(&key);
        }
        if let Some(delay) = delay {
            state.add_at(key, Instant::now() + delay);
        }
        drop(state);
        self.wake.notify_one();
    }
}

impl<K: Ord + Clone> State<K> {
    fn add(&mut self, key: K) {
        if let Some(at) = self.later.remove(&key) {
            self.due.remove(&(at, key.clone()));
        }
        if self.dirty.insert(key.clone()) && !self.running.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn add_at(&mut self, key: K, at: Instant) {
        if self.dirty.contains(&key) || self.later.get(&key).is_some_and(|earlier| *earlier <= at) {
            return;
        }
        if let Some(old) = self.later.insert(key.clone(), at) {
            self.due.remove(&(old, key.clone()));
        }
        self.due.insert((at, key));
    }

    fn take_due(&mut self, now: Instant) {
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.due.pop_first() {
                self.later.remove(&key);
                self.add(key);
            }
        }
    }

    fn fail(&mut self, key: &K) -> Duration {
        let failures = self.failures.entry(key.clone()).or_default();
        *failures += 1;
        FIRST_RETRY.saturating_mul(1 << (*failures - 1).min(10)).min(LAST_RETRY)
    }
}

/// A key under work. Dropped without an end, it waits again.
struct Claim<'a, K: Ord + Clone> {
    queue: &'a Queue<K>,
    key: Option<K>,
}

impl<K: Ord + Clone> Claim<'_, K> {
    fn end(mut self, outcome: Outcome) {
        if let Some(key) = self.key.take() {
            self.queue.end(key, outcome);
        }
    }
}

impl<K: Ord + Clone> Drop for Claim<'_, K> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.queue.add(key.clone());
            self.queue.end(key, Outcome::Done);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use parking_lot::Mutex;
    use tokio_util::sync::CancellationToken;

    use super::{Outcome, Queue};

    async fn until(what: &str, done: impl Fn() -> bool) {
        let wait = async {
            while !done() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect(what);
    }

    #[tokio::test]
    async fn each_key_waits_once_and_fails_with_a_growing_delay() {
        let queue = Arc::new(Queue::default());
        let (seen, cancel) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        queue.add("a");
        queue.add("a");
        queue.add("b");
        let task = tokio::spawn({
            let (queue, seen, cancel) = (queue.clone(), seen.clone(), cancel.clone());
            async move {
                let work = |key: &'static str| {
                    let seen = seen.clone();
                    async move {
                        seen.lock().push((key, std::time::Instant::now()));
                        let before = seen.lock().iter().filter(|(k, _)| *k == key).count();
                        if key == "a" && before < 3 { Outcome::Failed } else { Outcome::Done }
                    }
                };
                queue.run(2, &cancel, work).await;
            }
        });
        until("three tries of a, one of b", || seen.lock().len() == 4).await;
        let times: Vec<_> = seen.lock().iter().filter(|(k, _)| *k == "a").map(|(_, at)| *at).collect();
        assert!(times[1] - times[0] >= Duration::from_millis(200), "{times:?}");
        assert!(times[2] - times[1] >= Duration::from_millis(400), "{times:?}");
        until("nothing waits", || queue.len() == 0).await;
        cancel.cancel();
        task.await.expect("ends");
    }

    #[tokio::test]
    async fn what_was_under_way_waits_again() {
        let queue = Queue::default();
        queue.add(1);
        let cancel = CancellationToken::new();
        let started = tokio::sync::Notify::new();
        let hang = |_| async {
            started.notify_one();
            std::future::pending::<Outcome>().await
        };
        tokio::join!(queue.run(1, &cancel, hang), async {
            started.notified().await;
            assert_eq!(queue.len(), 0);
            cancel.cancel();
        });
        assert_eq!(queue.len(), 1);
    }

    #[tokio::test]
    async fn a_key_is_worked_on_by_one_at_a_time() {
        let queue = Queue::default();
        let (running, most, done) = (Mutex::new(0), Mutex::new(0), Mutex::new(0));
        let cancel = CancellationToken::new();
        queue.add(1);
        let work = |key| {
            let (queue, running, most, done) = (&queue, &running, &most, &done);
            async move {
                *running.lock() += 1;
                let now = *running.lock();
                let top = now.max(*most.lock());
                *most.lock() = top;
                queue.add(key);
                tokio::task::yield_now().await;
                *running.lock() -= 1;
                *done.lock() += 1;
                Outcome::Done
            }
        };
        tokio::join!(queue.run(4, &cancel, work), async {
            until("it was worked on ten times", || *done.lock() >= 10).await;
            cancel.cancel();
        });
        assert_eq!(*most.lock(), 1);
    }
}
