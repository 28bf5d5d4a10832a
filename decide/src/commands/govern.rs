//! What a priority wants while commands are in force.

use std::borrow::Cow;

use super::{Book, Command, Kind};
use crate::priority::{Intent, Ordered, Priority};
use crate::time::Time;

impl Book {
    /// The priority as people want it now: commands take the place of the intents in its spec, of drain and pin
    /// the later one. A drain that would leave no region is not followed, and says so.
    #[must_use]
    pub fn govern<'p>(&self, name: &str, priority: &'p Priority, now: Time) -> Cow<'p, Priority> {
        let about = |command: &&Command| command.covers(name) && priority.contains(&command.region);
        let mut in_force = self.in_force(now).into_iter().filter(about).peekable();
        if in_force.peek().is_none() {
            return Cow::Borrowed(priority);
        }
        let mut governed = priority.clone();
        for command in in_force {
            follow(&mut governed, command);
        }
        Cow::Owned(governed)
    }
}

fn follow(priority: &mut Priority, command: &Command) {
    let left = |entry: &crate::priority::PriorityRegion| {
        entry.name != command.region && entry.intent != Intent::Drained
    };
    let anything_left = priority.regions.iter().any(left);
    let ordered = priority.orders.entry(command.region.clone()).or_default();
    let intent = match command.kind {
        Kind::Drain if anything_left => Intent::Drained,
        Kind::Drain => {
            let refused = format!("not drained, though {} wants it: no region would be left", command.by);
            ordered.intent = Some(refused);
            return;
        }
        Kind::Pin => Intent::Pinned,
        Kind::Freeze => {
            ordered.freeze = Some(command.to_string());
            return;
        }
        Kind::Gameday => {
            ordered.gameday = Some(command.to_string());
            return;
        }
        Kind::Unknown => return,
    };
    ordered.intent = Some(command.to_string());
    for entry in priority.regions.iter_mut().filter(|entry| entry.name == command.region) {
        entry.intent = intent;
    }
}

impl Ordered {
    /// All in words.
    #[must_use]
    pub fn words(&self) -> String {
        let all = [&self.intent, &self.freeze, &self.gameday];
        let each: Vec<&str> = all.into_iter().flatten().map(String::as_str).collect();
        each.join("; ")
    }
}
