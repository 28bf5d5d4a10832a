//! What the loop tells: to peers and the hub, and to people.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use spillway_decide::Peer;
use spillway_decide::report::{About, PriorityReport, PriorityView, Report, State, VERSION};
use spillway_decide::routes::Rejection;

use super::Traffic;

/// Most Ingresses that the hub is told about: a report is sent each second.
const MAX_REJECTED: usize = 256;
/// Most bytes of what is told about one.
const MAX_MESSAGE: usize = 512;

impl Traffic {
    /// Our report, as peers and the hub get it.
    #[must_use]
    pub fn report(&self) -> Report {
        // The number first: what is read after it is at least as new.
        let number = self.inner.counters.reports.fetch_add(1, Ordering::Relaxed);
        let identity = self.inner.config.borrow().identity.clone();
        let priorities = self.each(PriorityReport::clone);
        let commands = self.commands();
        Report {
            version: VERSION,
            region: identity.region,
            member: identity.member,
            life: self.inner.clock.epoch(),
            number,
            priorities,
            commands,
            ..Report::default()
        }
    }

    /// Our report, with what only the hub and people need to know.
    #[must_use]
    pub fn report_to_hub(&self) -> Report {
        let mut rejected: BTreeMap<String, String> = BTreeMap::new();
        for Rejection { ingress, message } in &self.inner.config.borrow().rejected {
            if rejected.contains_key(ingress) || rejected.len() < MAX_REJECTED {
                let messages = rejected.entry(ingress.clone()).or_default();
                append(messages, message);
            }
        }
        Report { rejected, about: Some(self.about()), ..self.report() }
    }

    fn about(&self) -> About {
        let (config, now) = (self.inner.config.borrow().clone(), self.inner.clock.now());
        let contacts = self.inner.contacts.lock();
        let link = |peer: &Peer| (peer.member.clone(), contacts.of(now, &peer.member, &peer.region));
        let links = config.other_peers().map(link).collect();
        let (allows_gameday, gameday) = (self.allows_gameday(), self.gameday());
        About { software: env!("CARGO_PKG_VERSION").to_owned(), now, allows_gameday, gameday, links }
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

    pub(super) fn each<T>(&self, part: impl Fn(&PriorityReport) -> T) -> BTreeMap<String, T> {
        let lives = self.inner.lives.read().clone();
        lives
            .into_iter()
            .filter_map(|(name, live)| live.decision().map(|decision| (name, part(&decision.report))))
            .collect()
    }
}

/// Several things can be wrong with one Ingress; all of them are told while they fit.
fn append(messages: &mut String, message: &str) {
    let separator = if messages.is_empty() { "" } else { "; " };
    if messages.len() + separator.len() + message.len() <= MAX_MESSAGE {
        messages.push_str(separator);
        messages.push_str(message);
    } else if !messages.ends_with("; …") {
        messages.push_str("; …");
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_MESSAGE, append};

    #[test]
    fn what_is_wrong_is_told_while_it_fits() {
        let mut told = String::new();
        append(&mut told, "a");
        append(&mut told, "b");
        assert_eq!(told, "a; b");
        for _ in 0..2 * MAX_MESSAGE {
            append(&mut told, "another thing");
        }
        assert!(told.ends_with("; …") && told.len() <= MAX_MESSAGE + "; …".len(), "{}", told.len());
    }
}
