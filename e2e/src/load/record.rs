//! What became of each request.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr, sync::Arc, time::Duration};

use serde::Serialize;

/// One request, from the moment it was due.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Which client sent it.
    pub client: usize,
    /// When it was sent, from the start of the load.
    pub sent_at: Duration,
    /// Until the answer was complete, or the client gave up.
    pub latency: Duration,
    /// The status, where an answer came.
    pub status: Option<u16>,
    /// The region whose backend answered.
    pub served: Option<Arc<str>>,
    /// The region whose front door the client was connected to.
    pub front_door: Option<Arc<str>>,
    /// Whether it asked for a redirect.
    pub redirect: bool,
    /// The judgement.
    pub outcome: Outcome,
}

impl Record {
    /// When the answer was complete, or the client gave up.
    #[must_use]
    pub fn done_at(&self) -> Duration {
        self.sent_at + self.latency
    }
}

/// Whether the client got what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A complete answer to this very request.
    Ok,
    /// A complete answer that must not have been given: somebody else's body, or a host the public cannot reach.
    Wrong(WrongReason),
    /// No complete answer, or a 5xx.
    Lost(LossReason),
}

/// Why an answer is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongReason {
    /// The body does not carry the request's id.
    Body(String),
    /// `Location` leads somewhere other than the public host, or is missing.
    Location(String),
    /// A status that nobody asked for.
    Status(u16),
    /// The answer does not say which region served it, or the header and the body disagree.
    Region(String),
}

/// Why a request is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossReason {
    /// No DNS server has ever answered this client.
    NoAddress(String),
    /// No address of the answer could be connected to.
    Connect(String),
    /// The connection broke before the answer was complete.
    Broken(String),
    /// The deadline passed.
    Deadline,
    /// The answer was a 5xx.
    Status(u16),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => write!(f, "ok"),
            Self::Wrong(WrongReason::Body(seen)) => write!(f, "wrong: the body is not ours: {seen}"),
            Self::Wrong(WrongReason::Location(seen)) => write!(f, "wrong: Location: {seen}"),
            Self::Wrong(WrongReason::Status(status)) => write!(f, "wrong: status {status}"),
            Self::Wrong(WrongReason::Region(seen)) => write!(f, "wrong: region: {seen}"),
            Self::Lost(LossReason::NoAddress(why)) => write!(f, "lost: no address: {why}"),
            Self::Lost(LossReason::Connect(why)) => write!(f, "lost: connect: {why}"),
            Self::Lost(LossReason::Broken(why)) => write!(f, "lost: broken: {why}"),
            Self::Lost(LossReason::Deadline) => write!(f, "lost: no answer within the deadline"),
            Self::Lost(LossReason::Status(status)) => write!(f, "lost: status {status}"),
        }
    }
}

/// A client's change of front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Which client.
    pub client: usize,
    /// When it sent its first request to the new one, from the start of the load.
    pub at: Duration,
    /// Where it was before; none for the first.
    pub from: Option<Arc<str>>,
    /// Where it is now.
    pub to: Arc<str>,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Requests sent.
    pub sent: u64,
    /// Requests whose answer has come, or was given up.
    pub done: u64,
    /// Complete, right answers.
    pub ok: u64,
    /// Answers that must not have been given.
    pub wrong: u64,
    /// No complete answer, or a 5xx.
    pub lost: u64,
    /// Redirects whose `Location` leads to the public host.
    pub locations_public: u64,
    /// Redirects asked for and answered, whatever their `Location`.
    pub redirects: u64,
}

impl Totals {
    pub(super) fn enter(&mut self, record: &Record) {
        self.done += 1;
        match record.outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Wrong(_) => self.wrong += 1,
            Outcome::Lost(_) => self.lost += 1,
        }
        if record.redirect && !matches!(record.outcome, Outcome::Lost(_)) {
            self.redirects += 1;
            self.locations_public += u64::from(record.outcome == Outcome::Ok);
        }
    }
}

/// Everything that a load did.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The counts.
    pub totals: Totals,
    /// Every request, in the order in which they were done.
    pub requests: Vec<Record>,
    /// Every change of front door, in order.
    pub moves: Vec<Move>,
    /// The source address of each client.
    pub clients: Vec<Ipv4Addr>,
}

/// How many kinds of complaint [`Records::complaints`] lists.
const COMPLAINTS: usize = 12;

impl Records {
    /// The requests that were sent in `[from, until)`.
    pub fn sent_between(&self, from: Duration, until: Duration) -> impl Iterator<Item = &Record> {
        self.requests.iter().filter(move |record| (from..until).contains(&record.sent_at))
    }

    /// The requests that did not go well.
    pub fn failures(&self) -> impl Iterator<Item = &Record> {
        self.requests.iter().filter(|record| record.outcome != Outcome::Ok)
    }

    /// What went wrong, grouped, with the first time of each: for the message of an assertion.
    #[must_use]
    pub fn complaints(&self) -> String {
        let mut groups: BTreeMap<String, (usize, &Record)> = BTreeMap::new();
        for record in self.failures() {
            let front = record.front_door.as_deref().unwrap_or("nowhere");
            groups.entry(format!("{} (front door {front})", record.outcome)).or_insert((0, record)).0 += 1;
        }
        let lines = groups.iter().take(COMPLAINTS).map(|(what, (count, first))| {
            let (at, client) = (first.sent_at.as_secs_f64(), self.clients.get(first.client));
            let client = client.map_or_else(|| first.client.to_string(), ToString::to_string);
            format!("{count} x {what}, first sent at {at:.3} s by {client}")
        });
        let mut lines: Vec<_> = lines.collect();
        if groups.len() > COMPLAINTS {
            lines.push(format!("and {} more kinds", groups.len() - COMPLAINTS));
        }
        lines.join("\n")
    }
}
