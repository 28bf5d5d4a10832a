//! How often something happened a moment ago: splitting a mass delete shall not get it past the guard.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a delete counts against the next ones.
const MEMORY: Duration = Duration::from_mins(1);

/// Times, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Instant>>);

impl Recent {
    /// It happened.
    pub(crate) fn note(&self) {
        self.0.lock().push_back(Instant::now());
    }

    /// How often it happened.
    pub(crate) fn count(&self) -> usize {
        let mut times = self.0.lock();
        while times.front().is_some_and(|at| at.elapsed() > MEMORY) {
            times.pop_front();
        }
        times.len()
    }
}
