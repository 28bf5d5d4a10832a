//! Conditions: set, with the time of the last change of status kept.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Longest message that the API server takes is 32 KiB; people read less.
const MESSAGE_CHARACTERS: usize = 1024;

/// True, False or Unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

impl From<bool> for Is {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl Is {
    /// As conditions spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Builds the conditions of one status after the ones that stood there before.
#[derive(Debug)]
pub(crate) struct Conditions<'a> {
    before: &'a [Condition],
    generation: Option<i64>,
    now: Timestamp,
    new: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    /// Begins after `before`, about `generation`, at `now`.
    pub(crate) fn new(before: &'a [Condition], generation: Option<i64>, now: Timestamp) -> Self {
        Self { before, generation, now, new: Vec::new() }
    }

    /// Sets one condition. Its time changes only when its status does.
    pub(crate) fn set(&mut self, kind: &str, is: Is, reason: &str, message: impl Into<String>) -> &mut Self {
        self.set_since(kind, is, reason, message, self.now)
    }

    /// Sets one condition that began at a known time, if it changes now.
    pub(crate) fn set_since(
        &mut self,
        kind: &str,
        is: Is,
        reason: &str,
        message: impl Into<String>,
        since: Timestamp,
    ) -> &mut Self {
        let before = self.before.iter().find(|condition| condition.type_ == kind);
        let same = before.filter(|condition| condition.status == is.as_str());
        self.new.push(Condition {
            type_: kind.into(),
            status: is.as_str().into(),
            reason: reason.into(),
            message: message.into().chars().take(MESSAGE_CHARACTERS).collect(),
            last_transition_time: same
                .map_or(Time(since), |condition| condition.last_transition_time.clone()),
            observed_generation: self.generation,
        });
        self
    }

    /// The conditions.
    pub(crate) fn done(self) -> Vec<Condition> {
        self.new
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::{Conditions, Is};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn time_changes_with_the_status_only() {
        let build = |before: &[_], is, second| {
            let mut conditions = Conditions::new(before, Some(1), at(second));
            conditions.set("Ready", is, "Because", "it is so");
            conditions.done()
        };
        let first = build(&[], Is::True, 1);
        let second = build(&first, Is::True, 2);
        assert_eq!(first, second);
        assert_eq!(build(&second, Is::Unknown, 3)[0].last_transition_time.0, at(3));
    }
}
