//! The guard before deletes that nobody asked for by name.
//!
//! A wrong list, a lost hub or an edited priority looks exactly like "all of this may go". So a member loses
//! at most max(10, 20 %) of its objects to inference in a while; more is held, in whole, until a person allows
//! the number.

/// What the guard knows of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Our objects on the member, those that went a moment ago included.
    pub total: usize,
    /// Inferred deletes that were done a moment ago: splitting a mass delete does not get it through.
    pub recent: usize,
    /// As many as a person allows at once, if a person said so.
    pub allowed: usize,
}

impl Guard {
    /// How many inferred deletes pass without asking.
    #[must_use]
    pub fn limit(&self) -> usize {
        (self.total / 5).max(10)
    }

    /// Lets all deletes pass, or none.
    #[must_use]
    pub fn sweep<K>(&self, deletes: Vec<K>) -> Sweep<K> {
        if self.recent.saturating_add(deletes.len()) <= self.limit() {
            return Sweep::Pass(deletes);
        }
        if deletes.len() <= self.allowed {
            return Sweep::Allowed(deletes);
        }
        let message = format!(
            "{} of {} objects would be deleted though nobody deleted their sources ({} went a moment ago); at most \
             {} may go without asking",
            deletes.len(),
            self.total,
            self.recent,
            self.limit(),
        );
        Sweep::Hold { held: deletes, message }
    }
}

/// What becomes of a batch of inferred deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sweep<K> {
    /// They may be done.
    Pass(Vec<K>),
    /// They may be done because a person allowed it: the permission is for them, and used up by them.
    Allowed(Vec<K>),
    /// None is done; a person is asked.
    Hold {
        /// Those that were not done.
        held: Vec<K>,
        /// What to tell the person.
        message: String,
    },
}
