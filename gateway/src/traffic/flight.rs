//! Requests in flight, as the proxy holds them.

use std::sync::Arc;

use spillway_decide::Time;

use super::clock::Clock;
use super::live::Live;
use super::routes::Window;

/// A request that this region serves. Dropped without [`InFlight::finish`], the client went away and nothing
/// more is learned from it.
#[must_use]
pub struct InFlight {
    /// None when the priority is not known, or when all is told.
    open: Option<Open>,
}

struct Open {
    live: Arc<Live>,
    clock: Clock,
    route: Arc<Window>,
    number: u64,
    start: Time,
}

impl InFlight {
    /// A request of no priority that is known.
    pub(super) const fn unwatched() -> Self {
        Self { open: None }
    }

    pub(super) fn begin(live: Arc<Live>, clock: Clock, route: &str, local: bool) -> Self {
        let start = clock.now();
        let route = live.routes.begin(start, route, local);
        let number = live.ledger.lock().begin(start, local, Arc::clone(&route));
        Self { open: Some(Open { live, clock, route, number, start }) }
    }

    /// The head of the response is there: `failed` when it is a 5xx or there is none.
    pub fn finish(mut self, failed: bool) {
        if let Some(Open { live, clock, route, number, start }) = self.open.take() {
            live.ledger.lock().finish(number, start, clock.now(), failed, &route);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(Open { live, clock, number, .. }) = self.open.take() {
            live.ledger.lock().forget(number, clock.now());
        }
    }
}
