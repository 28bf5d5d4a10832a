//! Whose word it is that a source no longer federates. Where its deletion, or the loss of its annotation, was
//! watched as it happened, somebody said so. Where a list merely lacks it, nobody did: a restart, or a hub that
//! lost objects, looks the same.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::Name;
use crate::recent::Recent;

/// Sources that ceased to federate, and how that is known.
#[derive(Debug, Default)]
pub(crate) struct Bereft {
    state: Mutex<State>,
    /// What was ended without anybody's word.
    pub(crate) recent: Recent,
}

#[derive(Debug, Default)]
struct State {
    /// Sources that federate, as they were seen last.
    federating: BTreeSet<Name>,
    /// Sources that were watched as they ceased to.
    given: BTreeSet<Name>,
}

impl Bereft {
    /// A source was seen; `live` if a watch told of the change itself.
    pub(crate) fn see(&self, name: &Name, federates: bool, live: bool) {
        let mut state = self.state.lock();
        if federates {
            state.federating.insert(name.clone());
            state.given.remove(name);
        } else if state.federating.remove(name) && live {
            state.given.insert(name.clone());
        }
    }

    /// Whether somebody said that the source shall no longer federate.
    pub(crate) fn word_is_given(&self, name: &Name) -> bool {
        self.state.lock().given.contains(name)
    }

    /// What the source generated is being deleted: nothing is left to ask.
    pub(crate) fn ended(&self, name: &Name) {
        if self.state.lock().given.insert(name.clone()) {
            self.recent.note();
        }
    }

    /// What the source generated is gone.
    pub(crate) fn forget(&self, name: &Name) {
        self.state.lock().given.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bereft, Name};

    #[test]
    fn a_list_that_lacks_a_source_is_nobodys_word() {
        let bereft = Bereft::default();
        let [watched, missing, bare] = ["watched", "missing", "bare"].map(Name::cluster);
        bereft.see(&watched, true, false);
        bereft.see(&missing, true, true);
        bereft.see(&watched, false, true);
        bereft.see(&missing, false, false);
        bereft.see(&missing, false, true); // later news of what is no source any more
        bereft.see(&bare, false, true);
        assert_eq!([&watched, &missing, &bare].map(|name| bereft.word_is_given(name)), [true, false, false]);
        bereft.see(&watched, true, true);
        assert!(!bereft.word_is_given(&watched), "taken back");
    }
}
