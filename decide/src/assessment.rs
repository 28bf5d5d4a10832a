//! What the evidence of a region or of a route says at one moment, and what follows for its verdict.

use std::fmt;
use std::time::Duration;

use crate::count::Counts;
use crate::sli::Sli;
use crate::time::Time;
use crate::verdict::Signal;

/// What the evidence says now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// A whole window has been watched; before, nobody knows.
    pub opinion: bool,
    /// Which bound is broken, in words with figures.
    pub breach: Option<Breach>,
    /// How long the bad evidence of this run holds, from its first to its latest sample.
    pub held: Duration,
    /// When the latest bad evidence was seen; the beginning of the watch if there was none.
    pub quiet_since: Time,
    /// What is wrong is wrong with requests that other regions forward: our own arrivals, which are enough to tell,
    /// are within bounds, and so are probes. Then it is the way here, or who is at its other end, and not the backends.
    pub forwarded_only: bool,
    /// Nothing in the window was answered at all.
    pub outage: bool,
    /// Requests a second of our own arrivals that we serve.
    pub local_rate: f64,
    /// What the windows of requests hold.
    pub counts: Counts,
    /// The figures.
    pub sli: Sli,
}

impl Assessment {
    /// What it says of the region, whose hold is this long.
    pub(crate) fn signal(&self, hold: Duration) -> Signal {
        match &self.breach {
            _ if !self.opinion => Signal::Silent,
            None => Signal::Good { quiet_since: self.quiet_since },
            Some(breach) if self.forwarded_only => breach.of_forwarded(self.quiet_since),
            Some(breach) if self.held >= hold => Signal::Confirmed { reason: breach.words(Some(self.held)) },
            Some(breach) => Signal::Trouble { reason: breach.words(None), relapse: true },
        }
    }
}

/// A broken bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Breach {
    /// Too many requests fail.
    Errors {
        /// Percent that fail.
        percent: f64,
        /// Percent that may.
        bound: f64,
        /// Requests a second.
        rate: f64,
    },
    /// Too many requests are slow.
    Latency {
        /// 95th percentile.
        p95: u64,
        /// What it may be.
        bound: u64,
        /// Requests a second.
        rate: f64,
    },
    /// Too many probes fail or are slow.
    Availability {
        /// Percent that succeed.
        percent: f64,
        /// Percent that must.
        bound: f64,
    },
}

impl Breach {
    /// The breach in words, with how long it holds where that is known.
    #[must_use]
    pub fn words(&self, held: Option<Duration>) -> String {
        let lasting = held.map(|held| format!(" for {} s", held.as_secs())).unwrap_or_default();
        match self {
            Self::Errors { rate, .. } | Self::Latency { rate, .. } => {
                format!("{self}{lasting} ({rate:.0} req/s)")
            }
            Self::Availability { .. } => format!("{self}{lasting}"),
        }
    }

    /// Where only what other regions forward is bad, the backends are not: it is a doubt, which makes no one leave and
    /// keeps no one from coming home, but the region is nobody's target meanwhile.
    pub(crate) fn of_forwarded(&self, quiet_since: Time) -> Signal {
        let doubt = format!("{}, by requests that other regions forward alone", self.words(None));
        Signal::Leaning { quiet_since, doubt: Some(doubt) }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors { percent, bound, .. } => write!(formatter, "errors {percent:.1} % > {bound} %"),
            Self::Latency { p95, bound, .. } if p95 > bound => write!(formatter, "P95 {p95} ms > {bound} ms"),
            Self::Latency { bound, .. } => write!(formatter, "P95 over {bound} ms"),
            Self::Availability { percent, bound } => {
                write!(formatter, "probe availability {percent:.1} % < {bound} %")
            }
        }
    }
}
