//! When each peer was last spoken with, and which of the two began: a link can be broken in one direction alone.
//! For people who look for it; no decision reads it.

use std::collections::BTreeMap;

use spillway_decide::Time;
use spillway_decide::report::Contact;

/// As many as there are peers: reports of strangers do not get here.
#[derive(Default)]
pub(super) struct Contacts {
    of_member: BTreeMap<String, Spoken>,
}

#[derive(Default)]
struct Spoken {
    /// We asked and were answered.
    answered: Option<Time>,
    /// Why not, the last time that we asked.
    failure: String,
    /// It asked us.
    asked: Option<Time>,
}

impl Contacts {
    /// We asked; `outcome` is the reason if nothing came back.
    pub(super) fn answered(&mut self, at: Time, member: &str, outcome: Result<(), String>) {
        let spoken = self.of_member.entry(member.to_owned()).or_default();
        match outcome {
            Ok(()) => (spoken.answered, spoken.failure) = (Some(at), String::new()),
            Err(failure) => spoken.failure = failure,
        }
    }

    /// It asked us.
    pub(super) fn asked(&mut self, at: Time, member: &str) {
        self.of_member.entry(member.to_owned()).or_default().asked = Some(at);
    }

    /// Of one peer, in ages: clocks differ.
    pub(super) fn of(&self, now: Time, member: &str, region: &str) -> Contact {
        let age =
            |at: Option<Time>| at.map(|at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX));
        let spoken = self.of_member.get(member);
        Contact {
            region: region.to_owned(),
            answered_milliseconds: age(spoken.and_then(|spoken| spoken.answered)),
            failure: spoken.map(|spoken| spoken.failure.clone()).unwrap_or_default(),
            asked_milliseconds: age(spoken.and_then(|spoken| spoken.asked)),
        }
    }

    /// Forgets members that are no peers any more.
    pub(super) fn retain(&mut self, is_peer: impl Fn(&str) -> bool) {
        self.of_member.retain(|member, _| is_peer(member));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_has_its_age() {
        let mut contacts = Contacts::default();
        assert_eq!(contacts.of(Time(9), "m", "r").answered_milliseconds, None);
        contacts.answered(Time(1000), "m", Ok(()));
        contacts.asked(Time(2000), "m");
        contacts.answered(Time(2500), "m", Err("refused".to_owned()));
        let told = contacts.of(Time(4000), "m", "r");
        assert_eq!((told.answered_milliseconds, told.asked_milliseconds), (Some(3000), Some(2000)));
        assert_eq!(told.failure, "refused");
        contacts.answered(Time(5000), "m", Ok(()));
        assert_eq!(contacts.of(Time(5000), "m", "r").failure, "");
        contacts.retain(|member| member != "m");
        assert_eq!(contacts.of(Time(9), "m", "r").asked_milliseconds, None);
    }
}
