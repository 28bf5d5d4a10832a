//! What happened in a run, in order, for people.

use std::fmt;

use crate::world::{Fault, Millis, World};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: Millis,
    /// In whose eyes.
    pub who: String,
    /// What.
    pub what: String,
}

/// A run's timeline; empty when nobody asked for it.
#[derive(Clone, Debug, Default)]
pub struct Story {
    told: bool,
    lines: Vec<Line>,
}

impl Story {
    pub(super) const fn new(told: bool) -> Self {
        Self { told, lines: Vec::new() }
    }

    pub(super) fn add(&mut self, at: Millis, who: &str, what: impl FnOnce() -> String) {
        if self.told {
            self.lines.push(Line { at, who: who.to_owned(), what: what() });
        }
    }

    /// The world's own part of the story.
    pub(super) fn foretell(&mut self, world: &World) {
        let name = |region: usize| world.regions.get(region).map_or("?", |region| region.name.as_str());
        for fault in &world.faults {
            self.add(fault.from, "world", || {
                format!("{}: {} begins", name(fault.region), words(fault, &name))
            });
            self.add(fault.until, "world", || {
                format!("{}: {} ends", name(fault.region), words(fault, &name))
            });
        }
        for change in &world.changes {
            let wanted = change.priority.regions.iter();
            let list: Vec<String> =
                wanted.map(|entry| format!("{} {:?}", entry.name, entry.intent)).collect();
            self.add(change.at, "world", || format!("people want {}", list.join(", ")));
        }
    }

    /// The lines in the order of time.
    #[must_use]
    pub fn lines(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| line.at);
        lines
    }
}

fn words<'a>(fault: &Fault, name: &impl Fn(usize) -> &'a str) -> String {
    use crate::world::What;
    match &fault.what {
        What::Errors(percent) => format!("{percent} % of requests fail"),
        What::Slow(percent) => format!("{percent} % of requests are slow"),
        What::Hang(percent) => format!("{percent} % of requests hang"),
        What::Shortage(percent) => format!("only {percent} % of the capacity"),
        What::Dead => "dead gateway".to_owned(),
        What::Cut(far) => format!("cut to {}", name(*far)),
        What::OneWay(far) => format!("no connections to {}", name(*far)),
        What::Lossy(far, percent) => format!("{percent} % loss to {}", name(*far)),
        What::Laggy(far, by) => format!("{by} ms more to {}", name(*far)),
        What::Island => "cut from all others".to_owned(),
        What::Partition(with) => {
            let with: Vec<&str> = with.iter().map(|far| name(*far)).collect();
            format!("cut, with [{}], from the rest", with.join(", "))
        }
        What::NoWitness => "no witness is reached".to_owned(),
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            let (seconds, tenths) = (line.at / 1000, line.at % 1000);
            writeln!(formatter, "{seconds:5}.{tenths:03} {:10} {}", line.who, line.what)?;
        }
        Ok(())
    }
}
