//! What the loop tells: to peers and the hub, and to people.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use spillway_decide::report::{PriorityReport, PriorityView, Report, State, VERSION};

use super::Traffic;

impl Traffic {
    /// Our report, as peers and the hub get it.
    #[must_use]
    pub fn report(&self) -> Report {
        let identity = self.inner.config.borrow().identity.clone();
        let priorities = self.each(PriorityReport::clone);
        let commands = self.commands();
        Report { version: VERSION, region: identity.region, member: identity.member, priorities, commands }
    }

    /// `/debug/state`, but for `ready` and the rest of the gateway's counters, which are the caller's to add.
    #[must_use]
    pub fn state(&self) -> State {
        let identity = self.inner.config.borrow().identity.clone();
        let counters = &self.inner.counters;
        let count = |name: &str, value: u64| (name.to_owned(), value);
        State {
            region: identity.region,
            member: identity.member,
            now: self.inner.clock.now().rfc3339(),
            ready: false,
            priorities: self.each::<PriorityView>(|report| report.view.clone()),
            commands: self.commands(),
            counters: [
                count("steps", counters.steps.load(Ordering::Relaxed)),
                count("exchanges", counters.exchanges.load(Ordering::Relaxed)),
                count("failedExchanges", counters.failed_exchanges.load(Ordering::Relaxed)),
                count("grantsExhausted", counters.grants_exhausted.load(Ordering::Relaxed)),
            ]
            .into(),
        }
    }

    fn each<T>(&self, part: impl Fn(&PriorityReport) -> T) -> BTreeMap<String, T> {
        let lives = self.inner.lives.read().clone();
        lives
            .into_iter()
            .filter_map(|(name, live)| live.decision().map(|decision| (name, part(&decision.report))))
            .collect()
    }
}
